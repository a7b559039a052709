#include "cases.h"

/* That no joint outlives its branches shows only inside. */
#include "base/trie.c"

enum { N = 400 };

/* Beside the trie: a list that is searched in full. */
struct model {
	struct prefix prefix[N];
	bool there[N];
	int value[N];
};

static uint32_t seed = 4711;

static struct prefix
random_prefix(void)
{
	struct addr a = {.family = dice(&seed, 3) ? 4 : 6};

	a.bytes[0] = 10;
	a.bytes[1] = (uint8_t)dice(&seed, 4);
	a.bytes[2] = (uint8_t)dice(&seed, 256);
	a.bytes[3] = (uint8_t)dice(&seed, 256);
	if (a.family == 6)
		a.bytes[15] = (uint8_t)dice(&seed, 4);
	return prefix_of(&a, dice(&seed, a.family == 6 && dice(&seed, 3) == 0 ? 129 : 33));
}

static void *
longest(struct model *m, const struct prefix *p)
{
	int best = -1;

	for (int i = 0; i < N; i++)
		if (m->there[i] && prefix_contains(&m->prefix[i], p) &&
			(best < 0 || m->prefix[i].len > m->prefix[best].len))
			best = i;
	return best < 0 ? NULL : &m->value[best];
}

struct seen {
	size_t n;
	struct prefix last;
	bool ordered;
};

static bool
note(void *arg, const struct prefix *p, void *value)
{
	struct seen *s = arg;

	(void)value;
	if (s->n && s->last.addr.family == p->addr.family && prefix_compare(&s->last, p) >= 0)
		s->ordered = false;
	s->last = *p;
	s->n++;
	return true;
}

static size_t
counted(struct model *m, const struct prefix *p, bool covering)
{
	size_t n = 0;

	for (int i = 0; i < N; i++)
		n += m->there[i] && (covering ? prefix_contains(&m->prefix[i], p)
					      : prefix_contains(p, &m->prefix[i]));
	return n;
}

/* Every node holds a value or joins two branches. */
static bool
is_tidy(const struct node *n)
{
	return !n || ((n->value || (n->child[0] && n->child[1])) && is_tidy(n->child[0]) &&
			     is_tidy(n->child[1]));
}

static void
it_agrees_with_a_list(void **state)
{
	static struct model m;
	struct trie *t = trie_new();
	size_t count = 0;

	(void)state;
	for (int round = 0; round < 6000; round++) {
		struct prefix p = random_prefix();
		struct seen s = {.ordered = true};
		int i = 0;

		while (i < N && !(m.there[i] && prefix_equal(&m.prefix[i], &p)))
			i++;
		if (dice(&seed, 2) && i == N) {
			for (i = 0; i < N && m.there[i];)
				i++;
			if (i < N) {
				m.prefix[i] = p;
				m.there[i] = true;
				assert_null(trie_set(t, &p, &m.value[i]));
				count++;
			}
		} else if (i < N) {
			assert_ptr_equal(trie_get(t, &p), &m.value[i]);
			assert_ptr_equal(trie_remove(t, &p), &m.value[i]);
			m.there[i] = false;
			count--;
		}
		p = random_prefix();
		assert_ptr_equal(trie_longest(t, &p, NULL), longest(&m, &p));
		trie_covering(t, &p, note, &s);
		assert_int_equal(s.n, counted(&m, &p, true));
		s = (struct seen){.ordered = true};
		trie_covered(t, &p, note, &s);
		assert_int_equal(s.n, counted(&m, &p, false));
		assert_true(s.ordered);
		assert_int_equal(trie_count(t), count);
		assert_true(is_tidy(t->root[0]) && is_tidy(t->root[1]));
	}
	trie_free(t);
}

static void
setting_again_replaces(void **state)
{
	struct trie *t = trie_new();
	struct prefix p, found;
	int a, b;

	(void)state;
	prefix_parse("10.0.0.0/8", &p);
	assert_null(trie_set(t, &p, &a));
	assert_ptr_equal(trie_set(t, &p, &b), &a);
	assert_int_equal(trie_count(t), 1);
	prefix_parse("10.1.2.3/32", &p);
	assert_ptr_equal(trie_longest(t, &p, &found), &b);
	assert_int_equal(found.len, 8);
	assert_null(trie_get(t, &p));
	assert_null(trie_remove(t, &p));
	trie_free(t);
	trie_free(NULL);
}

static bool
note_text(void *arg, const struct prefix *p, void *value)
{
	char text[PREFIX_TEXT_MAX];

	strcat(arg, prefix_format(p, text));
	strcat(arg, " ");
	return strcmp(value, "last") != 0;
}

static void
walks_are_ordered_and_stop_when_told(void **state)
{
	static const char *const texts[] = {
		"2001:db8::/32", "10.128.0.0/9", "10.0.0.0/8", "::/0", "9.0.0.0/8", "0.0.0.0/0"};
	static char value[] = "value", last[] = "last";
	struct trie *t = trie_new();
	struct prefix p;
	char seen[256] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		prefix_parse(texts[i], &p);
		trie_set(t, &p, value);
	}
	trie_walk(t, note_text, seen);
	assert_string_equal(
		seen, "0.0.0.0/0 9.0.0.0/8 10.0.0.0/8 10.128.0.0/9 ::/0 2001:db8::/32 ");
	prefix_parse("10.200.0.1", &p);
	*seen = '\0';
	trie_covering(t, &p, note_text, seen);
	assert_string_equal(seen, "0.0.0.0/0 10.0.0.0/8 10.128.0.0/9 ");
	prefix_parse("10.0.0.0/8", &p);
	trie_set(t, &p, last);
	*seen = '\0';
	trie_walk(t, note_text, seen);
	assert_string_equal(seen, "0.0.0.0/0 9.0.0.0/8 10.0.0.0/8 ");
	trie_free(t);
}

/* The deepest chain there can be: every length of one address. */
static void
every_length_of_an_address_fits(void **state)
{
	static int value[129];
	struct trie *t = trie_new();
	struct prefix p, found;
	struct addr a;

	(void)state;
	addr_parse("2001:db8:ffff:0:aaaa:5555:1:ffff", &a);
	for (unsigned len = 0; len <= 128; len++) {
		p = prefix_of(&a, len);
		assert_null(trie_set(t, &p, &value[len]));
	}
	for (unsigned len = 128;; len--) {
		assert_ptr_equal(trie_longest(t, &(struct prefix){a, 128}, &found), &value[len]);
		assert_int_equal(found.len, len);
		p = prefix_of(&a, len);
		assert_ptr_equal(trie_remove(t, &p), &value[len]);
		if (!len)
			break;
	}
	assert_int_equal(trie_count(t), 0);
	assert_null(trie_longest(t, &(struct prefix){a, 128}, NULL));
	trie_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_agrees_with_a_list),
		cmocka_unit_test(setting_again_replaces),
		cmocka_unit_test(walks_are_ordered_and_stop_when_told),
		cmocka_unit_test(every_length_of_an_address_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
