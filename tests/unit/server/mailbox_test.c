/* mailbox: order, wake-ups, many senders, and what is left when it is freed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/event.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "server/mailbox.h"

enum { SENDERS = 4, LETTERS = 20000 };

struct letter {
	struct mail mail;
	unsigned sender, number;
};

static unsigned delivered;
static unsigned expected[SENDERS]; /* next number of each sender */
static struct event_base *base;

static void take(struct mail *mail)
{
	struct letter *l = (struct letter *)mail;
	assert_int_equal(l->number, expected[l->sender]);
	expected[l->sender]++;
	free(l);
	if (++delivered == SENDERS * LETTERS)
		event_base_loopbreak(base);
}

static void post(struct mailbox *m, unsigned sender, unsigned number)
{
	struct letter *l = calloc(1, sizeof *l);
	assert_non_null(l);
	*l = (struct letter){.mail.deliver = take, .sender = sender, .number = number};
	mailbox_post(m, &l->mail);
}

struct sender {
	struct mailbox *m;
	unsigned id;
};

static void *send_all(void *arg)
{
	struct sender *s = arg;
	for (unsigned i = 0; i < LETTERS; i++)
		post(s->m, s->id, i);
	return NULL;
}

static int set_up(void **state)
{
	delivered = 0;
	for (unsigned i = 0; i < SENDERS; i++)
		expected[i] = 0;
	base = event_base_new();
	struct mailbox *m;
	if (!base || mailbox_new(&m, base))
		return -1;
	*state = m;
	return 0;
}

static void keeps_order_of_one_thread(void **state)
{
	for (unsigned i = 0; i < 100; i++)
		post(*state, 0, i);
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(delivered, 100);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(delivered, 100);
	mailbox_free(*state);
	event_base_free(base);
}

static void takes_from_many_threads(void **state)
{
	pthread_t thread[SENDERS];
	struct sender sender[SENDERS];
	for (unsigned i = 0; i < SENDERS; i++) {
		sender[i] = (struct sender){.m = *state, .id = i};
		assert_int_equal(pthread_create(&thread[i], NULL, send_all, &sender[i]), 0);
	}
	event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
	assert_int_equal(delivered, SENDERS * LETTERS);
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(thread[i], NULL);
	mailbox_free(*state);
	event_base_free(base);
}

static struct mailbox *the_box;

static void post_another(struct mail *mail)
{
	free(mail);
	delivered++;
	post(the_box, 1, 0);
}

static void free_delivers_what_is_left(void **state)
{
	the_box = *state;
	post(*state, 0, 0);
	struct mail *m = calloc(1, sizeof *m);
	assert_non_null(m);
	m->deliver = post_another; /* mail that a delivery posts is delivered too */
	mailbox_post(*state, m);
	mailbox_free(*state);
	assert_int_equal(delivered, 3);
	event_base_free(base);
}

static bool readable(void)
{
	unsigned before = delivered;
	event_base_loop(base, EVLOOP_NONBLOCK);
	return delivered > before;
}

static void holds_wakes_back(void **state)
{
	struct mailbox *other;
	assert_int_equal(mailbox_new(&other, base), ERR_OK);
	mailbox_hold();
	for (unsigned i = 0; i < 3; i++) {
		post(*state, 0, i);
		post(other, 1, i);
	}
	assert_false(readable());
	mailbox_release();
	assert_true(readable());
	assert_int_equal(delivered, 6);
	post(*state, 0, 3); /* as ever */
	assert_true(readable());
	mailbox_hold();
	mailbox_release();
	mailbox_free(other);
	mailbox_free(*state);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(keeps_order_of_one_thread, set_up),
		cmocka_unit_test_setup(takes_from_many_threads, set_up),
		cmocka_unit_test_setup(free_delivers_what_is_left, set_up),
		cmocka_unit_test_setup(holds_wakes_back, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
