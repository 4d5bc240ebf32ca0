/* GnuTLS's calls on memory, over and over: gnutls_calls CALLS.
 *
 * For each line on stdin: sends and receives CALLS times, and writes the CPU nanoseconds of a pair of calls. Its functions
 * are declared here, so that no header is needed to build it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

typedef void *session, *credentials;
int gnutls_init(session *, unsigned flags);
int gnutls_priority_set_direct(session, const char *, const char **);
int gnutls_credentials_set(session, int type, void *);
int gnutls_anon_allocate_client_credentials(credentials *);
int gnutls_anon_allocate_server_credentials(credentials *);
int gnutls_anon_set_server_known_dh_params(credentials, int);
void gnutls_transport_set_ptr(session, void *);
void gnutls_transport_set_push_function(session, ssize_t (*)(void *, const void *, size_t));
void gnutls_transport_set_pull_function(session, ssize_t (*)(void *, void *, size_t));
void gnutls_transport_set_errno(session, int);
int gnutls_handshake(session);
ssize_t gnutls_record_send(session, const void *, size_t);
ssize_t gnutls_record_recv(session, void *, size_t);

enum { SERVER = 1, CLIENT = 2, ANONYMOUS = 2, AGAIN = 11 };

/* What one end has sent and the other has not received. */
struct way {
    char bytes[1 << 16];
    size_t begin, end;
};

struct end {
    session session;
    struct way *out, *in;
};

static ssize_t push(void *to, const void *bytes, size_t length) {
    struct way *way = ((struct end *)to)->out;
    if (way->begin == way->end)
        way->begin = way->end = 0;
    memcpy(way->bytes + way->end, bytes, length);
    way->end += length;
    return length;
}

static ssize_t pull(void *from, void *bytes, size_t length) {
    struct end *end = from;
    size_t there = end->in->end - end->in->begin;
    if (there == 0) {
        gnutls_transport_set_errno(end->session, AGAIN);
        return -1;
    }
    if (length > there)
        length = there;
    memcpy(bytes, end->in->bytes + end->in->begin, length);
    end->in->begin += length;
    return length;
}

static void start(struct end *end, int side, credentials credentials) {
    gnutls_init(&end->session, side);
    gnutls_priority_set_direct(end->session, "NORMAL:-VERS-ALL:+VERS-TLS1.2:+ANON-ECDH", NULL);
    gnutls_credentials_set(end->session, ANONYMOUS, credentials);
    gnutls_transport_set_ptr(end->session, end);
    gnutls_transport_set_push_function(end->session, push);
    gnutls_transport_set_pull_function(end->session, pull);
}

int main(int count, char **arguments) {
    static struct way up, down;
    struct end client = {NULL, &up, &down}, server = {NULL, &down, &up};
    credentials asks, answers;
    gnutls_anon_allocate_client_credentials(&asks);
    gnutls_anon_allocate_server_credentials(&answers);
    gnutls_anon_set_server_known_dh_params(answers, 2);
    start(&client, CLIENT, asks);
    start(&server, SERVER, answers);
    int one = -1, other = -1;
    for (int turn = 0; turn < 10 && (one != 0 || other != 0); turn++) {
        if (one != 0)
            one = gnutls_handshake(client.session);
        if (other != 0)
            other = gnutls_handshake(server.session);
    }
    if (one != 0 || other != 0)
        return 1;
    long calls = count > 1 ? atol(arguments[1]) : 1000;
    char line[16], message[100] = "", received[100];
    while (fgets(line, sizeof line, stdin)) {
        struct timespec begin, end;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
        for (long call = 0; call < calls; call++)
            if (gnutls_record_send(client.session, message, sizeof message) != sizeof message ||
                gnutls_record_recv(server.session, received, sizeof received) != sizeof received)
                return 1;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
        printf("%f\n", ((end.tv_sec - begin.tv_sec) * 1e9 + (end.tv_nsec - begin.tv_nsec)) / calls);
        fflush(stdout);
    }
}
