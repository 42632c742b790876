/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS on a migration's sockets, by X.509 on both sides. The directory is laid out as QEMU's
 * tls-creds-x509 objects have it:
 *
 *	ca-cert.pem				who signed the other side
 *	server-cert.pem, server-key.pem		the incoming side
 *	client-cert.pem, client-key.pem		the source
 *
 * Both sides must show a certificate: a guest's memory goes to nobody and comes from nobody who
 * was not signed by the CA. The source checks the destination's name, too, over TCP or where
 * tls-hostname is given.
 */
#include "vmm/move/channel.h"

#include <errno.h>

#ifndef HAVE_GNUTLS

struct chan_tls *chan_tls_new(int fd, bool server, const char *dir, const char *hostname,
			      struct err *e)
{
	err_set(e, ENOTSUP, "TLS: ambi was built without gnutls");
	return NULL;
}
void chan_tls_free(struct chan_tls *t) { }
int64_t chan_tls_read(struct chan_tls *t, void *buf, size_t n, short *events) { return -ENOTSUP; }
int64_t chan_tls_write(struct chan_tls *t, const void *buf, size_t n, short *events)
{
	return -ENOTSUP;
}
int chan_tls_handshake(struct chan_tls *t, short *events, struct err *e) { return -ENOTSUP; }
bool chan_tls_pending(const struct chan_tls *t) { return false; }

#else

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct chan_tls {
	gnutls_session_t session;
	gnutls_certificate_credentials_t creds;
	bool up;
};

static int failed(struct err *e, const char *what, int r)
{
	return err_set(e, EPROTO, "TLS: %s: %s", what, gnutls_strerror(r));
}

static int load_creds(struct chan_tls *t, bool server, const char *dir, struct err *e)
{
	char ca[4200], cert[4200], key[4200];
	const char *who = server ? "server" : "client";
	int r;

	snprintf(ca, sizeof(ca), "%.4000s/ca-cert.pem", dir);
	snprintf(cert, sizeof(cert), "%.4000s/%s-cert.pem", dir, who);
	snprintf(key, sizeof(key), "%.4000s/%s-key.pem", dir, who);
	r = gnutls_certificate_allocate_credentials(&t->creds);
	if (r < 0)
		return failed(e, "credentials", r);
	r = gnutls_certificate_set_x509_trust_file(t->creds, ca, GNUTLS_X509_FMT_PEM);
	if (r <= 0)
		return failed(e, ca, r ? r : GNUTLS_E_NO_CERTIFICATE_FOUND);
	r = gnutls_certificate_set_x509_key_file(t->creds, cert, key, GNUTLS_X509_FMT_PEM);
	return r < 0 ? failed(e, cert, r) : 0;
}

struct chan_tls *chan_tls_new(int fd, bool server, const char *dir, const char *hostname,
			      struct err *e)
{
	struct chan_tls *t = calloc(1, sizeof(*t));
	int r;

	if (!t) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	if (load_creds(t, server, dir, e) < 0)
		goto fail;
	r = gnutls_init(&t->session, (server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NONBLOCK |
			GNUTLS_NO_SIGNAL);
	/* nothing older than TLS 1.2; no anonymous key exchange is in the default set */
	if (r >= 0)
		r = gnutls_set_default_priority_append(t->session,
						       "-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", NULL,
						       0);
	if (r >= 0)
		r = gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, t->creds);
	if (r < 0) {
		failed(e, "session", r);
		goto fail;
	}
	if (server)
		gnutls_certificate_server_set_request(t->session, GNUTLS_CERT_REQUIRE);
	else if (hostname && hostname[0])
		gnutls_session_set_verify_cert(t->session, hostname, 0);
	if (server || !hostname || !hostname[0])
		gnutls_session_set_verify_cert(t->session, NULL, 0);
	gnutls_transport_set_int(t->session, fd);
	return t;
fail:
	chan_tls_free(t);
	return NULL;
}

void chan_tls_free(struct chan_tls *t)
{
	if (!t)
		return;
	if (t->session) {
		if (t->up)
			gnutls_bye(t->session, GNUTLS_SHUT_WR);
		gnutls_deinit(t->session);
	}
	if (t->creds)
		gnutls_certificate_free_credentials(t->creds);
	free(t);
}

static short direction(struct chan_tls *t)
{
	return gnutls_record_get_direction(t->session) ? POLLOUT : POLLIN;
}

int chan_tls_handshake(struct chan_tls *t, short *events, struct err *e)
{
	gnutls_datum_t text = { 0 };
	int r = gnutls_handshake(t->session);

	if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED ||
	    (r < 0 && !gnutls_error_is_fatal(r))) {
		*events = direction(t);
		return -EAGAIN;
	}
	if (r == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR) {
		gnutls_certificate_verification_status_print(
			gnutls_session_get_verify_cert_status(t->session), GNUTLS_CRT_X509, &text,
			0);
		err_set(e, EACCES, "TLS: the other side: %.300s",
			text.data ? (const char *)text.data : "not trusted");
		gnutls_free(text.data);
		return -EACCES;
	}
	if (r < 0)
		return failed(e, "handshake", r);
	t->up = true;
	return 0;
}

bool chan_tls_pending(const struct chan_tls *t)
{
	return gnutls_record_check_pending(t->session) > 0;
}

/* (The session's direction is one for both threads, so each waits for its own.) */
static int64_t result(ssize_t r)
{
	if (r >= 0)
		return r;
	if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED || r == GNUTLS_E_REHANDSHAKE)
		return -EAGAIN;
	return r == GNUTLS_E_PREMATURE_TERMINATION || r == GNUTLS_E_PUSH_ERROR ||
	       r == GNUTLS_E_PULL_ERROR ? -EPIPE : -EPROTO;
}

int64_t chan_tls_read(struct chan_tls *t, void *buf, size_t n, short *events)
{
	*events = POLLIN;
	return result(gnutls_record_recv(t->session, buf, n));
}

int64_t chan_tls_write(struct chan_tls *t, const void *buf, size_t n, short *events)
{
	*events = POLLOUT;
	return result(gnutls_record_send(t->session, buf, n));
}

#endif
