/* grace.c: liburcu's QSBR flavour behind grace.h. */
#include "zones/memory/grace.h"

#include <pthread.h>
#include <stdlib.h>
#include <urcu/urcu-qsbr.h>

/* ThreadSanitizer cannot see liburcu's ordering: tell it that what a reader did before it was quiescent happens
 * before what is done after a grace period. */
#if defined(__SANITIZE_THREAD__)
#define GRACE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GRACE_TSAN 1
#endif
#endif

#ifdef GRACE_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
static char grace_token;
static void reader_left(void)
{
	__tsan_release(&grace_token);
}
static void period_over(void)
{
	__tsan_acquire(&grace_token);
}
#else
static void reader_left(void)
{
}
static void period_over(void)
{
}
#endif

void grace_register(void)
{
	urcu_qsbr_register_thread();
}

void grace_unregister(void)
{
	reader_left();
	urcu_qsbr_unregister_thread();
}

void grace_quiescent(void)
{
	reader_left();
	urcu_qsbr_quiescent_state();
}

void grace_online(void)
{
	urcu_qsbr_thread_online();
}

void grace_offline(void)
{
	reader_left();
	urcu_qsbr_thread_offline();
}

void grace_wait(void)
{
	urcu_qsbr_synchronize_rcu();
	period_over();
}

/* One deferred call. */
struct deferred {
	struct rcu_head head;
	void (*fn)(void *arg);
	void *arg;
};

static void run_deferred(struct rcu_head *head)
{
	struct deferred *d = (struct deferred *)((char *)head - offsetof(struct deferred, head));

	period_over();
	d->fn(d->arg);
	free(d);
	reader_left(); /* for grace_barrier */
}

void grace_defer(void (*fn)(void *arg), void *arg)
{
	struct deferred *d = malloc(sizeof *d);

	if (!d) {
		grace_wait();
		fn(arg);
		return;
	}
	d->fn = fn;
	d->arg = arg;
	reader_left(); /* what this thread did before, run_deferred may see */
	urcu_qsbr_call_rcu(&d->head, run_deferred);
}

void grace_barrier(void)
{
	/* Twice: a zone's last reference may be dropped by a deferred call, which then defers its freeing. */
	urcu_qsbr_barrier();
	urcu_qsbr_barrier();
	period_over();
}

/* Tickets: at most one call is under way; all tickets drawn before it started are passed when it returns, later ones
 * need the next. */
static struct {
	pthread_mutex_t lock;
	uint64_t drawn;  /* last ticket */
	uint64_t asked;  /* tickets up to this one wait for the call under way */
	uint64_t passed; /* tickets up to this one are good */
	struct rcu_head head;
} tickets = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void ticket_passed(struct rcu_head *head)
{
	period_over();
	pthread_mutex_lock(&tickets.lock);
	tickets.passed = tickets.asked;
	bool again = tickets.drawn > tickets.asked;
	tickets.asked = tickets.drawn;
	pthread_mutex_unlock(&tickets.lock);
	if (again)
		urcu_qsbr_call_rcu(head, ticket_passed);
}

uint64_t grace_ticket(void)
{
	pthread_mutex_lock(&tickets.lock);
	uint64_t mine = ++tickets.drawn;
	bool start = tickets.asked == tickets.passed;
	if (start)
		tickets.asked = mine;
	pthread_mutex_unlock(&tickets.lock);
	if (start)
		urcu_qsbr_call_rcu(&tickets.head, ticket_passed);
	return mine;
}

bool grace_passed(uint64_t ticket)
{
	pthread_mutex_lock(&tickets.lock);
	bool passed = tickets.passed >= ticket;
	pthread_mutex_unlock(&tickets.lock);
	if (passed)
		period_over();
	return passed;
}
