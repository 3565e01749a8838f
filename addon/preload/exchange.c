/*
 * A question to xlvsd and its answer, over a connection of its own: children that were forked and
 * threads would mix theirs up on a common one. Nothing is left open. Read next: hooks.c.
 */
#include "exchange.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define MAGIC	       0x31564c58 /* XLV1 */
#define SOCKET_DEFAULT "/run/xlvs/xlvs-ipvs.sock"
/* As long as the commands of xlvs wait for an answer. */
#define PATIENCE_S 30
/* More than the largest table of services; whatever says more than that is not xlvsd. */
#define ANSWER_MAX (256u << 20)

void find_netns(int fd, struct question *question)
{
	int netns = fd < 0 ? -1 : ioctl(fd, SIOCGSKNS);
	struct stat found;
	int known = netns >= 0 ? fstat(netns, &found) : stat("/proc/thread-self/ns/net", &found);

	if (netns >= 0)
		close(netns);
	question->netns_dev = known == 0 ? found.st_dev : 0;
	question->netns_ino = known == 0 ? found.st_ino : 0;
}

/* Returns a descriptor, or minus an errno. */
static int connected(void)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = getenv("XLVS_IPVS_SOCKET");
	int fd;

	if (path == NULL || *path == '\0')
		path = SOCKET_DEFAULT;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENOENT;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;

		if (error == EINTR)
			continue;
		close(fd);
		if (error == ECONNREFUSED || error == ENOTDIR)
			return -ENOENT;
		return error == EACCES ? -EPERM : -error;
	}
	return fd;
}

/* Both return 0 or an errno. */
static int send_all(int fd, const void *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno;
		bytes = (const char *)bytes + sent;
		length -= (size_t)sent;
	}
	return 0;
}

static int receive_all(int fd, void *bytes, size_t length)
{
	while (length > 0) {
		ssize_t got = recv(fd, bytes, length, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? ETIMEDOUT : errno;
		if (got == 0)
			return ECONNRESET;
		bytes = (char *)bytes + got;
		length -= (size_t)got;
	}
	return 0;
}

static int receive_answer(int fd, struct answer *answer)
{
	struct reply reply;
	int error = receive_all(fd, &reply, sizeof(reply));

	if (error != 0)
		return error;
	if (reply.magic != MAGIC || reply.length > ANSWER_MAX)
		return EPROTO;
	answer->result = reply.result;
	answer->room = reply.room;
	answer->length = reply.length;
	answer->bytes = malloc(reply.length + 1u);
	if (answer->bytes == NULL)
		return ENOMEM;
	error = receive_all(fd, answer->bytes, reply.length);
	if (error == 0)
		return 0;
	free(answer->bytes);
	answer->bytes = NULL;
	return error;
}

int ask(int fd, struct question *question, const void *bytes, struct answer *answer)
{
	unsigned char *whole;
	int way, error;

	answer->bytes = NULL;
	question->magic = MAGIC;
	question->pad = 0;
	way = connected();
	if (way < 0)
		return -way;
	find_netns(fd, question);
	whole = malloc(sizeof(*question) + question->length);
	error = whole == NULL ? ENOMEM : 0;
	if (error == 0) {
		memcpy(whole, question, sizeof(*question));
		if (question->length > 0)
			memcpy(whole + sizeof(*question), bytes, question->length);
		error = send_all(way, whole, sizeof(*question) + question->length);
	}
	free(whole);
	if (error == 0)
		error = receive_answer(way, answer);
	close(way);
	if (error != 0 || answer->result != NOT_MINE)
		return error;
	free(answer->bytes);
	answer->bytes = NULL;
	return ENOENT;
}
