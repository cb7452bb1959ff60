"""The smallest part of a World that still shows a difference: RRsets are taken away, half of them at first, then fewer."""
import compare
import servers


def shows(world, question):
    """The Difference that this World shows for the question, or None."""
    try:
        roostd, others = servers.start(world)
    except servers.Refused:
        return None
    try:
        found = compare.compare(world, [question.by_tcp(), question], roostd, others)
    finally:
        servers.stop(roostd, others)
    return next((difference for difference in found if difference.question == question), None)


def reduce(difference, tries=150):
    """The same difference in a smaller World, after so many tries at most."""
    question = difference.question
    rrsets = difference.world.rrsets()
    size = (len(rrsets) + 1) // 2
    while size and tries:
        at = 0
        while at < len(rrsets) and tries:
            tries -= 1
            fewer = rrsets[:at] + rrsets[at + size:]
            smaller = fewer and shows(difference.world.only(fewer), question)
            if smaller:
                difference, rrsets = smaller, fewer
            else:
                at += size
        size //= 2
    return difference
