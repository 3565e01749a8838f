/*
 * A program that opens a file of IPVS in /proc/net gets a copy of xlvsd's, as it is at that moment.
 * One whose xlvsd is not there, or may not be asked, is not shown the kernel's in its place; who
 * has never heard of an xlvsd is. Read next: exchange.c.
 */
#include "files.h"
#include "exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PREFIX "ip_vs"

/* Whoever asks for a handle, a folder or a new file asks about what only the kernel has. */
#define KERNELS (O_PATH | O_DIRECTORY | O_EXCL)

/* Whether a descriptor is of /proc/net of this process. */
static bool is_proc_net(int folder)
{
	char link[64], found[64], own[64];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/thread-self/fd/%d", folder);
	snprintf(own, sizeof(own), "/proc/%d/net", getpid());
	length = readlink(link, found, sizeof(found));
	return length == (ssize_t)strlen(own) && memcmp(found, own, (size_t)length) == 0;
}

/* The name of a file of IPVS in /proc/net, which is a link to self/net; NULL: it is none. */
static const char *name_of(int folder, const char *path)
{
	static const char *const folders[] = {"/proc/net/", "/proc/self/net/"};
	const char *name = path;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (strncmp(path, folders[i], strlen(folders[i])) == 0)
			name = path + strlen(folders[i]);
	if (strncmp(name, PREFIX, sizeof(PREFIX) - 1) != 0)
		return NULL;
	return name != path || (folder != AT_FDCWD && is_proc_net(folder)) ? name : NULL;
}

/* Past hooks.c, and no point of cancellation. Returns 0 or an errno. */
static int write_all(int fd, const unsigned char *bytes, uint32_t length)
{
	for (uint32_t at = 0; at < length;) {
		ssize_t wrote = syscall(SYS_write, fd, bytes + at, length - at);

		if (wrote < 0 && errno != EINTR)
			return errno;
		if (wrote > 0)
			at += (uint32_t)wrote;
	}
	return 0;
}

/* Returns 0 or an errno. */
static int make_copy(const struct answer *answer, int flags, int *fd)
{
	int error;

	*fd = memfd_create(PREFIX, flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
	if (*fd < 0)
		return errno;
	error = write_all(*fd, answer->bytes, answer->length);
	if (error == 0 && flags & O_NONBLOCK && fcntl(*fd, F_SETFL, O_NONBLOCK) < 0)
		error = errno;
	lseek(*fd, 0, SEEK_SET);
	if (error != 0) {
		syscall(SYS_close, *fd);
		*fd = -1;
	}
	return error;
}

bool take_open(int folder, const char *path, int flags, int *fd)
{
	struct question question = {.kind = KIND_FILE};
	struct answer answer;
	const char *name;
	int before = errno, error;

	*fd = -1;
	if (path == NULL || (flags & O_ACCMODE) != O_RDONLY || flags & KERNELS)
		return false;
	name = name_of(folder, path);
	errno = before;
	if (name == NULL)
		return false;
	question.length = (uint32_t)strnlen(name, VALUE_MAX);
	error = ask(-1, &question, name, &answer);
	errno = before;
	if (error == ENOENT)
		return false;
	if (error == 0) {
		error = answer.result != 0 ? answer.result : make_copy(&answer, flags, fd);
		forget(&answer);
	}
	/* Who may not connect may not open; the other is what IPVS says by sockets. */
	errno = error == 0 ? before : error == EPERM ? EACCES : error;
	return true;
}
