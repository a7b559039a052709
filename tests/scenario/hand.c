/* One end of a session that does what a test says: a client, a server. */
#include "network.h"

#include <inttypes.h>
#include <stdio.h>

#include "role/hb.h"
#include "wire/signal.h"

enum { PORT = 4646, BODY_MAX = 1000, PATH_STORAGE = 4 * (PATH_ID_MAX + 8) };

/* ---- what both need ------------------------------------------------------------------------ */

/* The scopes of a body, NULL if there is none. */
static const struct scope *
scopes_of(struct arena *a, const struct coap_msg *m, size_t *ret_n)
{
	struct signal_msg *msg = arena_alloc(a, 1, sizeof(*msg));
	struct schema_error err;
	uint32_t format = 0;

	if (!m->payload || !coap_get_uint(m, COAP_OPT_CONTENT_FORMAT, &format) ||
		format != COAP_FORMAT_DOTS_CBOR ||
		signal_decode(a, m->payload, m->payload_len, msg, &err) != 0 ||
		!(msg->has & 1ULL << SIGNAL_MITIGATION_SCOPE) || !msg->mitigation_scope.n_scope)
		return NULL;
	*ret_n = msg->mitigation_scope.n_scope;
	return msg->mitigation_scope.scope;
}

static const struct scope *
scope_of(struct arena *a, const struct coap_msg *m)
{
	size_t n;

	return scopes_of(a, m, &n);
}

static void
add_scope(struct coap_msg *m, struct scope *scope, struct buf *out)
{
	struct signal_msg msg = {.has = 1ULL << SIGNAL_MITIGATION_SCOPE};

	msg.mitigation_scope.has = 1ULL << MITIGATION_SCOPE_SCOPE;
	msg.mitigation_scope.scope = scope;
	msg.mitigation_scope.n_scope = 1;
	buf_init(out, BODY_MAX);
	assert_int_equal(signal_encode(&msg, out), 0);
	coap_add_uint(m, COAP_OPT_CONTENT_FORMAT, COAP_FORMAT_DOTS_CBOR);
	m->payload = out->bytes;
	m->payload_len = out->len;
}

/* "a=deactivate b=immediate" to a list, which borrows nothing of it. */
static void
set_acls(struct scope *s, const char *acls, struct arena *a)
{
	s->acl_list = arena_alloc(a, strlen(acls) + 1, sizeof(*s->acl_list));
	for (size_t len, name; *acls; acls += len + (acls[len] == ' ')) {
		struct acl_entry *e = &s->acl_list[s->n_acl_list++];

		len = strcspn(acls, " ");
		name = strcspn(acls, "= ");
		e->has = 1ULL << ACL_NAME;
		e->acl_name = arena_text(a, acls, name);
		if (name < len) {
			e->has |= 1ULL << ACL_ACTIVATION_TYPE;
			e->activation_type = activation_type_parse(
				arena_text(a, acls + name + 1, len - name - 1));
		}
	}
	SCOPE_SET(s, ACL_LIST);
}

static void
format_acls(const struct scope *s, char *ret, size_t cap)
{
	size_t len = 0;

	*ret = '\0';
	for (size_t i = 0; SCOPE_HAS(s, ACL_LIST) && i < s->n_acl_list && len < cap; i++)
		len += (size_t)snprintf(ret + len, cap - len, "%s%s=%s", i ? " " : "",
			s->acl_list[i].acl_name,
			activation_type_name((int)s->acl_list[i].activation_type));
}

static bool
is_heartbeat(struct arena *a, const struct coap_msg *m, bool *ret_hears)
{
	struct signal_msg msg;
	struct schema_error err;
	struct path path;
	const char *why;

	if (path_parse(m, &path, &why) != 0 || path.resource != PATH_HB || !m->payload ||
		signal_decode(a, m->payload, m->payload_len, &msg, &err) != 0)
		return false;
	*ret_hears = msg.heartbeat.peer_hb_status;
	return true;
}

static void
answer(struct exchange *ex, uint8_t code)
{
	struct coap_msg m;

	coap_init(&m, COAP_NON, code);
	exchange_respond(ex, &m);
}

/* ---- a client by hand ----------------------------------------------------------------------- */

static void
hand_up(void *arg, struct session *s)
{
	((struct hand *)arg)->session = s;
}

static void
hand_down(void *arg, struct session *s, const char *reason)
{
	struct hand *h = arg;

	(void)reason;
	if (h->session == s)
		h->session = NULL;
}

static void
hand_request(void *arg, struct session *s, struct exchange *ex, const struct coap_msg *m)
{
	struct hand *h = arg;

	(void)s;
	arena_reset(h->arena);
	if (is_heartbeat(h->arena, m, &h->server_hears))
		h->heartbeats++;
	if (h->answers_heartbeats)
		answer(ex, COAP_204_CHANGED);
	else
		answer(ex, COAP_500_INTERNAL_SERVER_ERROR);
}

static const struct session_ops hand_ops = {
	.up = hand_up, .down = hand_down, .request = hand_request};

void
hand_make(struct hand *h, const char *certificate, const char *address)
{
	*h = (struct hand){.loop = virtual_host(certificate),
		.credentials = virtual_credentials(certificate),
		.answers_heartbeats = true,
		.arena = arena_new()};
	virtual_link(h->loop, "eth0", address);
}

void
hand_begin(struct hand *h, const char *server, const char *server_address)
{
	struct dial d = {.server_name = server, .credentials = h->credentials};
	int error = 0;

	if (h->session)
		session_abandon(h->session);
	h->session = NULL;
	assert_int_equal(endpoint_parse(server_address, PORT, &d.remote), 0);
	assert_non_null(session_dial(h->loop, &d, &hand_ops, h, &error));
}

void
hand_dial(struct hand *h, const char *server, const char *server_address)
{
	hand_begin(h, server, server_address);
	UNTIL(30 * S, h->session != NULL);
}

/* All that may be in a conflict-scope: prefixes for another client's sake, or a mid of its own. */
static void
note_conflict(struct hand *h, const struct scope *scope)
{
	const struct conflict_scope *cs =
		scope ? &scope->conflict_information.conflict_scope : NULL;
	struct buf text;

	h->conflict = scope ? conflict_of(scope) : (struct conflict){0};
	h->conflict_has = scope ? scope->conflict_information.has : 0;
	h->contested[0] = '\0';
	if (!cs || !cs->has)
		return;
	if (cs->has == 1ULL << SCOPE_MID) {
		snprintf(h->contested, sizeof(h->contested), "mid %" PRIu64, cs->mid);
		return;
	}
	assert_int_equal(cs->has, 1ULL << SCOPE_TARGET_PREFIX);
	buf_init(&text, sizeof(h->contested) - 1);
	for (size_t i = 0; i < cs->target.n_target_prefix; i++) {
		char one[PREFIX_TEXT_MAX];

		buf_printf(&text, "%s%s", i ? "," : "",
			prefix_format(&cs->target.target_prefix[i], one));
	}
	snprintf(h->contested, sizeof(h->contested), "%s", buf_text(&text));
	buf_finish(&text);
}

static void
hand_answered(void *arg, struct session *s, const struct coap_msg *m, int error)
{
	struct hand *h = arg;
	const struct scope *scope;

	(void)s;
	(void)error;
	if (!m)
		return;
	arena_reset(h->arena);
	scope = scope_of(h->arena, m);
	h->code = m->code;
	h->answered = virtual_now();
	h->lifetime = scope && SCOPE_HAS(scope, LIFETIME) ? scope->lifetime : 0;
	note_conflict(h, scope);
	format_acls(scope ? scope : &(struct scope){0}, h->told_acls, sizeof(h->told_acls));
	h->max_age = 0;
	coap_get_uint(m, COAP_OPT_MAX_AGE, &h->max_age);
	h->text[0] = '\0';
	if (m->payload && !scope)
		snprintf(h->text, sizeof(h->text), "%.*s", (int)m->payload_len, m->payload);
}

static void
hand_observed(void *arg, struct session *s, const struct coap_msg *m, int error)
{
	struct hand *h = arg;
	const struct scope *scope;
	size_t n = 0;

	(void)s;
	(void)error;
	if (!m)
		return;
	arena_reset(h->arena);
	scope = scopes_of(h->arena, m, &n);
	h->notifications++;
	h->entries = (unsigned)n;
	h->status = scope && SCOPE_HAS(scope, STATUS) ? scope->status : 0;
	note_conflict(h, scope);
	format_acls(scope ? scope : &(struct scope){0}, h->told_acls, sizeof(h->told_acls));
}

static void
hand_message(struct hand *h, struct coap_msg *m, uint8_t method, uint32_t mid, char *storage)
{
	struct path path = {
		.resource = PATH_MITIGATE, .has_mid = mid != 0, .mid = mid, .content = 'a'};

	snprintf(path.cdid, sizeof(path.cdid), "%s", h->cdid ? h->cdid : "");
	snprintf(path.cuid, sizeof(path.cuid), "%s",
		h->cuid ? h->cuid : credentials_cuid(h->credentials));
	coap_init(m, COAP_NON, method);
	path_add(m, &path, storage);
	if (h->hop_limit)
		coap_add_uint(m, COAP_OPT_HOP_LIMIT, h->hop_limit < 0 ? 0 : (uint32_t)h->hop_limit);
}

static void
put_scope(struct hand *h, uint32_t mid, struct scope *scope)
{
	char storage[PATH_STORAGE];
	struct coap_msg m;
	struct buf out;

	SCOPE_SET(scope, LIFETIME);
	if (h->preconfigured) {
		scope->trigger_mitigation = false;
		SCOPE_SET(scope, TRIGGER_MITIGATION);
	}
	if (h->acls)
		set_acls(scope, h->acls, h->arena);
	hand_message(h, &m, COAP_PUT, mid, storage);
	add_scope(&m, scope, &out);
	h->code = 0;
	assert_true(request_send(h->session, &m, hand_answered, h) > 0);
	buf_finish(&out);
}

void
hand_put(struct hand *h, uint32_t mid, const char *target, int64_t lifetime)
{
	struct scope scope = {.lifetime = lifetime, .trigger_mitigation = true};

	arena_reset(h->arena);
	scope.target = target_from(h->arena, target);
	SCOPE_SET(&scope, TARGET_PREFIX);
	put_scope(h, mid, &scope);
}

static void
add_text(char ***list, size_t *n, struct arena *a, const char *text, size_t len)
{
	if (!*list)
		*list = arena_alloc(a, NAMES_MAX, sizeof(char *));
	(*list)[(*n)++] = arena_text(a, text, len);
}

void
hand_put_names(struct hand *h, uint32_t mid, const char *names)
{
	struct scope scope = {.lifetime = 3600, .trigger_mitigation = true};
	struct target *t = &scope.target;

	arena_reset(h->arena);
	for (size_t len; *names; names += len + (names[len] == ' ')) {
		len = strcspn(names, " ");
		if (*names == '@') {
			add_text(&t->alias_name, &t->n_alias_name, h->arena, names + 1, len - 1);
			SCOPE_SET(&scope, ALIAS_NAME);
		} else if (memmem(names, len, "://", 3)) {
			add_text(&t->target_uri, &t->n_target_uri, h->arena, names, len);
			SCOPE_SET(&scope, TARGET_URI);
		} else {
			add_text(&t->target_fqdn, &t->n_target_fqdn, h->arena, names, len);
			SCOPE_SET(&scope, TARGET_FQDN);
		}
	}
	put_scope(h, mid, &scope);
}

void
hand_delete(struct hand *h, uint32_t mid)
{
	char storage[PATH_STORAGE];
	struct coap_msg m;

	hand_message(h, &m, COAP_DELETE, mid, storage);
	h->code = 0;
	assert_true(request_send(h->session, &m, hand_answered, h) > 0);
}

void
hand_observe(struct hand *h, uint32_t mid)
{
	char storage[PATH_STORAGE];
	struct coap_msg m;

	hand_message(h, &m, COAP_GET, mid, storage);
	coap_add_uint(&m, COAP_OPT_OBSERVE, 0);
	h->observation = request_send(h->session, &m, hand_observed, h);
	assert_true(h->observation > 0);
}

void
hand_forget(struct hand *h)
{
	request_cancel(h->session, h->observation);
}

void
hand_heartbeat(struct hand *h)
{
	assert_true(hb_send(h->session, !h->deaf, hand_answered, h) > 0);
}

/* The sets of a body; false: there are none. */
static bool
read_config(struct arena *a, const struct coap_msg *m, struct config_set ret[static SESSION_SETS])
{
	struct signal_msg *msg = arena_alloc(a, 1, sizeof(*msg));
	struct schema_error err;

	if (!m->payload || signal_decode(a, m->payload, m->payload_len, msg, &err) != 0 ||
		!(msg->has & 1ULL << SIGNAL_SIGNAL_CONFIG))
		return false;
	ret[SESSION_MITIGATING] = msg->signal_config.mitigating_config;
	ret[SESSION_IDLE] = msg->signal_config.idle_config;
	return true;
}

static void
add_config(struct coap_msg *m, const struct config_set *sets, struct buf *out)
{
	struct signal_msg msg = {.has = 1ULL << SIGNAL_SIGNAL_CONFIG};

	for (int s = 0; s < SESSION_SETS; s++)
		if (sets[s].has)
			msg.signal_config.has |= 1ULL
						 << (s == SESSION_IDLE ? SIGNAL_IDLE_CONFIG
								       : SIGNAL_MITIGATING_CONFIG);
	msg.signal_config.mitigating_config = sets[SESSION_MITIGATING];
	msg.signal_config.idle_config = sets[SESSION_IDLE];
	assert_int_equal(signal_encode(&msg, out), 0);
	coap_add_uint(m, COAP_OPT_CONTENT_FORMAT, COAP_FORMAT_DOTS_CBOR);
	m->payload = out->bytes;
	m->payload_len = out->len;
}

static void
hand_config_answered(void *arg, struct session *s, const struct coap_msg *m, int error)
{
	struct hand *h = arg;

	if (m && coap_find(m, COAP_OPT_OBSERVE))
		h->config_notifications++;
	else
		hand_answered(arg, s, m, error);
	if (!m)
		return;
	arena_reset(h->arena);
	read_config(h->arena, m, h->config);
}

static void
config_request(struct hand *h, struct coap_msg *m, enum coap_type type, uint8_t method,
	uint32_t sid, char *storage)
{
	struct path path = {
		.resource = PATH_CONFIG, .has_sid = sid != 0, .sid = sid, .content = 'a'};

	arena_reset(h->arena);
	coap_init(m, type, method);
	path_add(m, &path, storage);
	h->code = 0;
}

void
hand_config(struct hand *h, enum coap_type type, uint8_t method, uint32_t sid,
	const struct config_set *sets)
{
	char storage[PATH_STORAGE];
	struct coap_msg m;
	struct buf out;

	config_request(h, &m, type, method, sid, storage);
	buf_init(&out, BODY_MAX);
	if (sets)
		add_config(&m, sets, &out);
	assert_true(request_send(h->session, &m, hand_config_answered, h) > 0);
	buf_finish(&out);
}

void
hand_observe_config(struct hand *h, uint32_t sid)
{
	char storage[PATH_STORAGE];
	struct coap_msg m;

	config_request(h, &m, COAP_CON, COAP_GET, sid, storage);
	coap_add_uint(&m, COAP_OPT_OBSERVE, 0);
	h->observation = request_send(h->session, &m, hand_config_answered, h);
	assert_true(h->observation > 0);
}

void
hand_free(struct hand *h)
{
	if (h->session)
		session_abandon(h->session);
	credentials_unref(h->credentials);
	arena_free(h->arena);
}

/* ---- a server by script --------------------------------------------------------------------- */

static void
script_up(void *arg, struct session *s)
{
	struct script *t = arg;

	t->session = s;
	t->ups++;
}

static void
script_down(void *arg, struct session *s, const char *reason)
{
	struct script *t = arg;

	(void)reason;
	if (t->session == s)
		t->session = NULL;
}

/* The scope that an answer carries: what was asked or what is said of it. */
static void
script_answer(struct script *t, struct exchange *ex, uint8_t code, struct scope *scope)
{
	struct coap_msg m;
	struct buf out;

	coap_init(&m, COAP_NON, code);
	if (code == COAP_205_CONTENT && t->token_len)
		coap_add_uint(&m, COAP_OPT_OBSERVE, ++t->sequence);
	buf_init(&out, BODY_MAX);
	if (scope)
		add_scope(&m, scope, &out);
	else if (t->text && coap_class(code) > 2)
		buf_bytes(&out, t->text, strlen(t->text));
	if (out.len) {
		m.payload = out.bytes;
		m.payload_len = out.len;
	}
	if (t->max_age)
		coap_add_uint(&m, COAP_OPT_MAX_AGE, t->max_age);
	exchange_respond(ex, &m);
	buf_finish(&out);
}

static void
script_redirect(const struct script *t, struct exchange *ex)
{
	struct signal_msg msg = {.has = 1ULL << SIGNAL_REDIRECTED_SIGNAL};
	struct coap_msg m;
	struct buf out;

	msg.redirected_signal.has = 1ULL << REDIRECTED_ALT_SERVER;
	msg.redirected_signal.alt_server = (char *)(uintptr_t)t->redirect;
	buf_init(&out, BODY_MAX);
	assert_int_equal(signal_encode(&msg, &out), 0);
	coap_init(&m, COAP_NON, COAP_503_SERVICE_UNAVAILABLE);
	coap_add_uint(&m, COAP_OPT_CONTENT_FORMAT, COAP_FORMAT_DOTS_CBOR);
	coap_add_uint(&m, COAP_OPT_MAX_AGE, t->max_age);
	m.payload = out.bytes;
	m.payload_len = out.len;
	exchange_respond(ex, &m);
	buf_finish(&out);
}

/* RFC 9133 figure 1. */
static void
script_fail_acls(struct script *t, struct exchange *ex, const struct scope *asked, uint32_t mid)
{
	struct scope scope = {
		.mid = mid, .acl_list = asked->acl_list, .n_acl_list = asked->n_acl_list};

	SCOPE_SET(&scope, MID);
	SCOPE_SET(&scope, ACL_LIST);
	script_answer(t, ex, COAP_503_SERVICE_UNAVAILABLE, &scope);
}

static void
script_put(struct script *t, struct exchange *ex, const struct coap_msg *m, uint32_t mid)
{
	const struct scope *asked = scope_of(t->arena, m);
	struct scope scope = {.mid = mid};
	struct conflict conflict = t->conflict;
	uint8_t code = t->put ? t->put : COAP_201_CREATED;

	assert_non_null(asked);
	if (!asked->trigger_mitigation) {
		t->preconfigured++;
		t->waiting = mid;
	}
	format_acls(asked, t->asked_acls, sizeof(t->asked_acls));
	t->acl_puts += asked->n_acl_list > 0;
	if (t->redirect) {
		script_redirect(t, ex);
		return;
	}
	if (asked->n_acl_list && t->fails_acls) {
		script_fail_acls(t, ex, asked, mid);
		return;
	}
	if (asked->n_acl_list && t->put_acls)
		code = t->put_acls;
	if (!strcmp(t->cuid, t->taken)) {
		code = COAP_409_CONFLICT;
		conflict.cause = CUID_COLLISION;
	}
	if (coap_class(code) == 2) {
		SCOPE_SET(&scope, MID);
		SCOPE_SET(&scope, LIFETIME);
		scope.lifetime = t->lifetime ? t->lifetime : asked->lifetime;
	}
	verdict_conflict(&conflict, &scope);
	script_answer(t, ex, code, scope.has ? &scope : NULL);
}

static void
script_get(struct script *t, struct exchange *ex, const struct coap_msg *m, uint32_t mid)
{
	struct scope scope = {.mid = mid, .status = t->status, .lifetime = 1000};
	uint8_t code = t->get ? t->get : COAP_205_CONTENT;

	if (t->preconfigured && mid == t->waiting)
		scope.status = ATTACK_MITIGATION_SIGNAL_LOSS;
	SCOPE_SET(&scope, MID);
	SCOPE_SET(&scope, STATUS);
	SCOPE_SET(&scope, LIFETIME);
	if (t->packets) {
		SCOPE_SET(&scope, PKTS_DROPPED);
		SCOPE_SET(&scope, BYTES_DROPPED);
		scope.pkts_dropped = t->packets;
		scope.bytes_dropped = t->packets * 100;
	}
	verdict_conflict(&t->conflict, &scope);
	if (t->acls)
		set_acls(&scope, t->acls, t->arena);
	memcpy(t->token, m->token, m->token_len);
	t->token_len = m->token_len;
	t->observed_mid = mid;
	script_answer(t, ex, code, code == COAP_205_CONTENT ? &scope : NULL);
}

static void
script_tell_config(struct script *t, struct exchange *ex)
{
	struct coap_msg m;
	struct buf out;

	if (!t->config[0].has && !t->config[1].has) {
		answer(ex, COAP_404_NOT_FOUND);
		return;
	}
	buf_init(&out, BODY_MAX);
	coap_init(&m, COAP_NON, COAP_205_CONTENT);
	add_config(&m, t->config, &out);
	if (t->config_max_age)
		coap_add_uint(&m, COAP_OPT_MAX_AGE, t->config_max_age);
	exchange_respond(ex, &m);
	buf_finish(&out);
}

/* What was asked is what it has from now on; its ranges stay. */
static void
script_take_config(struct script *t)
{
	for (int s = 0; s < SESSION_SETS; s++)
		for (int i = 0; i < SESSION_PARAMS; i++) {
			size_t at = session_param_rows[i].in_set;
			const struct config_param *asked =
				(const void *)((const char *)&t->config_asked[s] + at);
			struct config_param *is = (void *)((char *)&t->config[s] + at);

			if (t->config_asked[s].has >> session_param_rows[i].field & 1)
				is->current = asked->current;
		}
}

static void
script_config(
	struct script *t, struct exchange *ex, const struct coap_msg *m, const struct path *path)
{
	t->config_gets += m->code == COAP_GET;
	t->config_puts += m->code == COAP_PUT;
	t->config_deletes += m->code == COAP_DELETE;
	t->config_by_sid = path->has_sid;
	t->config_sid = path->sid;
	t->config_type = m->type;
	if (t->config_silent) {
		answer(ex, COAP_EMPTY);
	} else if (m->code == COAP_GET) {
		script_tell_config(t, ex);
	} else if (m->code == COAP_PUT) {
		assert_true(read_config(t->arena, m, t->config_asked));
		if (!t->config_put)
			script_take_config(t);
		answer(ex, t->config_put ? t->config_put : COAP_201_CREATED);
	} else {
		answer(ex, COAP_202_DELETED);
	}
}

static void
script_request(void *arg, struct session *s, struct exchange *ex, const struct coap_msg *m)
{
	struct script *t = arg;
	struct path path;
	const char *why;

	(void)s;
	arena_reset(t->arena);
	assert_int_equal(path_parse(m, &path, &why), 0);
	if (path.resource == PATH_HB) {
		t->heartbeats++;
		if (t->redirects_heartbeats) {
			script_redirect(t, ex);
			return;
		}
		answer(ex, COAP_204_CHANGED);
		return;
	}
	if (path.resource == PATH_CONFIG) {
		script_config(t, ex, m, &path);
		return;
	}
	snprintf(t->cuid, sizeof(t->cuid), "%s", path.cuid);
	snprintf(t->cdid, sizeof(t->cdid), "%s", path.cdid);
	t->puts += m->code == COAP_PUT;
	t->gets += m->code == COAP_GET;
	t->deletes += m->code == COAP_DELETE;
	if (t->silent)
		answer(ex, COAP_EMPTY); /* an empty message: no response to anything */
	else if (m->code == COAP_PUT)
		script_put(t, ex, m, path.mid);
	else if (m->code == COAP_GET)
		script_get(t, ex, m, path.mid);
	else
		script_answer(t, ex, t->delete ? t->delete : COAP_202_DELETED, NULL);
}

static const struct session_ops script_ops = {
	.up = script_up, .down = script_down, .request = script_request};

void
script_make(struct script *t, const char *name, const char *address)
{
	struct listen_socket socket = {0};
	struct listener_config cfg = {.sockets = &socket, .n_sockets = 1};
	char why[100];

	*t = (struct script){.loop = virtual_host(name),
		.credentials = virtual_credentials(name),
		.status = ATTACK_SUCCESSFULLY_MITIGATED,
		.arena = arena_new()};
	assert_int_equal(endpoint_parse(address, PORT, &socket.local), 0);
	cfg.credentials = t->credentials;
	t->listener = listener_new(t->loop, &cfg, &script_ops, t, why, sizeof(why));
}

void
script_notify(struct script *t, enum dots_status status, int64_t lifetime)
{
	struct scope scope = {.mid = t->observed_mid, .status = status, .lifetime = lifetime};
	struct coap_msg m;
	struct buf out;

	SCOPE_SET(&scope, MID);
	SCOPE_SET(&scope, STATUS);
	SCOPE_SET(&scope, LIFETIME);
	verdict_conflict(&t->conflict, &scope);
	if (t->acls)
		set_acls(&scope, t->acls, t->arena);
	coap_init(&m, COAP_NON, COAP_205_CONTENT);
	coap_add_uint(&m, COAP_OPT_OBSERVE, ++t->sequence);
	add_scope(&m, &scope, &out);
	assert_int_equal(session_notify(t->session, t->token, t->token_len, &m), 0);
	buf_finish(&out);
}

void
script_free(struct script *t)
{
	listener_free(t->listener);
	credentials_unref(t->credentials);
	arena_free(t->arena);
}
