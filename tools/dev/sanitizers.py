"""What the sanitizers are told, and how their reports are known. Used by tools/dev/check and by tests/e2e."""
import os

REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer",
           "ThreadSanitizer:DEADLYSIGNAL", "ERROR: libFuzzer")
SUPPRESSIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tsan.supp")


def environment():
    """The environment for a program that may have been built with a sanitizer. The caller's own options come last and win."""
    env = dict(os.environ)
    wanted = {
        "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:exitcode=99",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
        "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1:exitcode=99"
                        + (f":suppressions={SUPPRESSIONS}" if os.path.exists(SUPPRESSIONS) else ""),
    }
    for name, options in wanted.items():
        env[name] = options + (":" + env[name] if env.get(name) else "")
    return env


def report_in(text):
    """The first line of a sanitizer's report in the text, or None."""
    for line in text.splitlines():
        if any(mark in line for mark in REPORTS):
            return line
    return None
