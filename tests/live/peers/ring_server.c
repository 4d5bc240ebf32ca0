// An HTTP server whose answers are sent, and requests received, through io_uring: ring_server PORT [sqpoll].
//
// Raw system calls: the ring's layout is that of linux/io_uring.h. It takes one connection after the other, one request at
// a time, and writes a line for each: BYTES-RECEIVED BYTES-SENT.
#include <arpa/inet.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct io_uring_params params;
static char *submissions, *completions;
static struct io_uring_sqe *entries;
static int ring;

static unsigned *in(char *base, unsigned offset) { return (unsigned *)(base + offset); }

static void *map(size_t length, off_t offset) {
    void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, offset);
    if (memory == MAP_FAILED) { perror("mmap"); exit(1); }
    return memory;
}

static void set_up(unsigned flags) {
    params.flags = flags;
    params.sq_thread_idle = 1000;
    ring = syscall(__NR_io_uring_setup, 4, &params);
    if (ring < 0) { perror("io_uring_setup"); exit(1); }
    submissions = map(params.sq_off.array + params.sq_entries * 4, IORING_OFF_SQ_RING);
    completions = map(params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
    entries = map(params.sq_entries * sizeof *entries, IORING_OFF_SQES);
}

// One operation, submitted and waited for; its result.
static int perform(unsigned char operation, int socket, void *buffer, unsigned length) {
    _Atomic unsigned *tail = (_Atomic unsigned *)in(submissions, params.sq_off.tail);
    unsigned index = *tail & *in(submissions, params.sq_off.ring_mask);
    memset(&entries[index], 0, sizeof entries[index]);
    entries[index].opcode = operation;
    entries[index].fd = socket;
    entries[index].addr = (unsigned long)buffer;
    entries[index].len = length;
    in(submissions, params.sq_off.array)[index] = index;
    atomic_fetch_add(tail, 1);
    unsigned flags = IORING_ENTER_GETEVENTS | (params.flags & IORING_SETUP_SQPOLL ? IORING_ENTER_SQ_WAKEUP : 0);
    if (syscall(__NR_io_uring_enter, ring, 1, 1, flags, NULL, 0) < 0) { perror("io_uring_enter"); exit(1); }
    _Atomic unsigned *head = (_Atomic unsigned *)in(completions, params.cq_off.head);
    while (*head == atomic_load((_Atomic unsigned *)in(completions, params.cq_off.tail))) usleep(100);
    struct io_uring_cqe *done = (struct io_uring_cqe *)(completions + params.cq_off.cqes);
    int result = done[*head & *in(completions, params.cq_off.ring_mask)].res;
    atomic_fetch_add(head, 1);
    return result;
}

int main(int count, char **arguments) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nring\n";
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    set_up(count > 2 ? IORING_SETUP_SQPOLL : 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 8)) { perror("listen"); return 1; }
    for (;;) {
        char request[4096];
        int received, connection = accept(listener, NULL, NULL);
        while ((received = perform(IORING_OP_RECV, connection, request, sizeof request)) > 0) {
            int sent = perform(IORING_OP_SEND, connection, (void *)answer, sizeof answer - 1);
            printf("%d %d\n", received, sent);
            fflush(stdout);
        }
        close(connection);
    }
}
