/*
 * libxlvs-ipvs.so, for LD_PRELOAD: a program that speaks to the kernel's IPVS, by generic netlink,
 * by socket options or through /proc/net, finds xlvsd instead. Everything else goes on as it was,
 * and so do these where there is no xlvsd: then the program is told in the kernel's own way.
 * It only carries bytes; control/ipvs/ knows what they mean. Read next: netlink.c, files.c.
 */
#include "ending.h"
#include "exchange.h"
#include "files.h"
#include "netlink.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

/* What recvfrom() and open() become in a program that was built with checks. */
ssize_t __recvfrom_chk(int fd, void *bytes, size_t length, size_t room, int flags,
		       struct sockaddr *from, socklen_t *from_length);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int folder, const char *path, int flags);
int __openat64_2(int folder, const char *path, int flags);

#define HOOKS(X)                                                                                   \
	X(sendmsg)                                                                                 \
	X(sendto)                                                                                  \
	X(recvmsg)                                                                                 \
	X(recvfrom)                                                                                \
	X(__recvfrom_chk)                                                                          \
	X(getsockopt)                                                                              \
	X(setsockopt)                                                                              \
	X(open)                                                                                    \
	X(open64)                                                                                  \
	X(openat)                                                                                  \
	X(openat64)                                                                                \
	X(__open_2)                                                                                \
	X(__open64_2)                                                                              \
	X(__openat_2)                                                                              \
	X(__openat64_2)                                                                            \
	X(fopen)                                                                                   \
	X(fopen64)                                                                                 \
	X(_exit)                                                                                   \
	X(_Exit)                                                                                   \
	X(execve)                                                                                  \
	X(execveat)                                                                                \
	X(fexecve)                                                                                 \
	X(execv)                                                                                   \
	X(execvp)                                                                                  \
	X(execvpe)

/* The functions that ours stand in front of: dlsym() is not for signals' handlers. */
#define NEXT_OF(name) static _Atomic(__typeof__(&name)) next_##name;
HOOKS(NEXT_OF)

__attribute__((constructor)) static void find_next(void){
#define FIND(name) next_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name);
	HOOKS(FIND)}

/* Libraries that begin before this one may call it already. */
#define NEXT(name)                                                                                 \
	if (next_##name == NULL)                                                                   \
		find_next();                                                                       \
	__typeof__(&name) next = next_##name

/* Numbers of IPVS' socket options. Source: include/uapi/linux/ip_vs.h (v6.12), IP_VS_BASE_CTL. */
#define OPTION_FIRST 1152
#define OPTION_LAST  1167

/* --- netlink --- */

EXPORTED ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	NEXT(sendmsg);
	int before = errno, error;
	uint32_t port;
	ssize_t sent;

	if (message == NULL || !is_generic_netlink(fd, &port) ||
	    !take_message(fd, port, message, &sent, &error)) {
		errno = before;
		return next(fd, message, flags);
	}
	errno = error != 0 ? error : before;
	return error != 0 ? -1 : sent;
}

EXPORTED ssize_t sendto(int fd, const void *bytes, size_t length, int flags,
			const struct sockaddr *to, socklen_t to_length)
{
	NEXT(sendto);
	struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
	const struct msghdr message = {
		.msg_name = (void *)to,
		.msg_namelen = to_length,
		.msg_iov = &part,
		.msg_iovlen = 1,
	};
	int before = errno, error;
	uint32_t port;
	ssize_t sent;

	if (!is_generic_netlink(fd, &port) || !take_message(fd, port, &message, &sent, &error)) {
		errno = before;
		return next(fd, bytes, length, flags, to, to_length);
	}
	errno = error != 0 ? error : before;
	return error != 0 ? -1 : sent;
}

EXPORTED ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
	return sendto(fd, bytes, length, flags, NULL, 0);
}

/* The kernel tells how long an address is, also where there was less room for it. */
static socklen_t least(socklen_t room, socklen_t told)
{
	return room < told ? room : told;
}

EXPORTED ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	NEXT(recvmsg);
	socklen_t room = message != NULL ? message->msg_namelen : 0;
	ssize_t got = next(fd, message, flags);

	if (got >= 0)
		hide_sender(fd, message->msg_name, least(room, message->msg_namelen));
	return got;
}

EXPORTED ssize_t recvfrom(int fd, void *bytes, size_t length, int flags, struct sockaddr *from,
			  socklen_t *from_length)
{
	NEXT(recvfrom);
	socklen_t before = from_length != NULL ? *from_length : 0;
	ssize_t got = next(fd, bytes, length, flags, from, from_length);

	if (got >= 0 && from != NULL)
		hide_sender(fd, from, least(before, *from_length));
	return got;
}

EXPORTED ssize_t __recvfrom_chk(int fd, void *bytes, size_t length, size_t room, int flags,
				struct sockaddr *from, socklen_t *from_length)
{
	NEXT(__recvfrom_chk);
	socklen_t before = from_length != NULL ? *from_length : 0;
	ssize_t got = next(fd, bytes, length, room, flags, from, from_length);

	if (got >= 0 && from != NULL)
		hide_sender(fd, from, least(before, *from_length));
	return got;
}

/* --- socket options --- */

/* What has less than no room the kernel refuses. */
static bool is_ours(int fd, int level, int number, socklen_t room)
{
	int domain = -1;
	socklen_t length = sizeof(domain);

	return level == IPPROTO_IP && number >= OPTION_FIRST && number <= OPTION_LAST &&
	       (int)room >= 0 && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 &&
	       domain == AF_INET;
}

/* False: there is no xlvsd. `error`: 0 or an errno. */
static bool ask_option(int fd, enum kind kind, int number, const void *value, socklen_t room,
		       struct answer *answer, int *error)
{
	struct question question = {
		.kind = kind,
		.number = (uint32_t)number,
		.room = room,
		.length = value == NULL	     ? 0
			  : room < VALUE_MAX ? room
					     : VALUE_MAX,
	};

	*error = ask(fd, &question, value, answer);
	if (*error == 0 && kind == KIND_SET && answer->room != 0)
		note_unsettled();
	if (*error == 0)
		*error = answer->result;
	return *error != ENOENT || answer->bytes != NULL;
}

EXPORTED int getsockopt(int fd, int level, int number, void *value, socklen_t *length)
{
	NEXT(getsockopt);
	int before = errno, error;
	struct answer answer = {0};

	if (level != IPPROTO_IP || length == NULL || value == NULL ||
	    !is_ours(fd, level, number, *length) ||
	    !ask_option(fd, KIND_GET, number, value, *length, &answer, &error)) {
		errno = before;
		return next(fd, level, number, value, length);
	}
	if (error == 0) {
		memcpy(value, answer.bytes, answer.length < *length ? answer.length : *length);
		*length = answer.room;
	}
	forget(&answer);
	errno = error != 0 ? error : before;
	return error != 0 ? -1 : 0;
}

EXPORTED int setsockopt(int fd, int level, int number, const void *value, socklen_t length)
{
	NEXT(setsockopt);
	int before = errno, error;
	struct answer answer = {0};

	if (level != IPPROTO_IP || !is_ours(fd, level, number, length) ||
	    !ask_option(fd, KIND_SET, number, value, length, &answer, &error)) {
		errno = before;
		return next(fd, level, number, value, length);
	}
	forget(&answer);
	errno = error != 0 ? error : before;
	return error != 0 ? -1 : 0;
}

/* --- files of /proc/net --- */

static mode_t mode_of(int flags, va_list rest)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}

#define OPEN(name, parameters, where, arguments)                                                   \
	EXPORTED int name parameters                                                               \
	{                                                                                          \
		NEXT(name);                                                                        \
		mode_t mode;                                                                       \
		va_list rest;                                                                      \
		int fd;                                                                            \
                                                                                                   \
		va_start(rest, flags);                                                             \
		mode = mode_of(flags, rest);                                                       \
		va_end(rest);                                                                      \
		return take_open(where, path, flags, &fd) ? fd : next arguments;                   \
	}
OPEN(open, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPEN(openat, (int folder, const char *path, int flags, ...), folder, (folder, path, flags, mode))
OPEN(openat64, (int folder, const char *path, int flags, ...), folder, (folder, path, flags, mode))

#define OPEN_2(name, parameters, where, arguments)                                                 \
	EXPORTED int name parameters                                                               \
	{                                                                                          \
		NEXT(name);                                                                        \
		int fd;                                                                            \
                                                                                                   \
		return take_open(where, path, flags, &fd) ? fd : next arguments;                   \
	}
OPEN_2(__open_2, (const char *path, int flags), AT_FDCWD, (path, flags))
OPEN_2(__open64_2, (const char *path, int flags), AT_FDCWD, (path, flags))
OPEN_2(__openat_2, (int folder, const char *path, int flags), folder, (folder, path, flags))
OPEN_2(__openat64_2, (int folder, const char *path, int flags), folder, (folder, path, flags))

/* A stream on what take_open() has given, or NULL. */
static FILE *stream_of(int fd, const char *mode)
{
	int before = errno, error;
	FILE *file = fd >= 0 ? fdopen(fd, mode) : NULL;

	error = file != NULL ? before : errno;
	if (fd >= 0 && file == NULL)
		close(fd);
	errno = error;
	return file;
}

#define FOPEN(name)                                                                                \
	EXPORTED FILE *name(const char *path, const char *mode)                                    \
	{                                                                                          \
		NEXT(name);                                                                        \
		bool reads = mode != NULL && *mode == 'r' && strchr(mode, '+') == NULL;            \
		int closes = reads && strchr(mode, 'e') != NULL ? O_CLOEXEC : 0, fd;               \
                                                                                                   \
		if (!reads || !take_open(AT_FDCWD, path, O_RDONLY | closes, &fd))                  \
			return next(path, mode);                                                   \
		return stream_of(fd, mode);                                                        \
	}
FOPEN(fopen)
FOPEN(fopen64)

/* --- the end --- */

EXPORTED void _exit(int status)
{
	NEXT(_exit);
	next(settled_status(status));
	__builtin_unreachable();
}

EXPORTED void _Exit(int status)
{
	NEXT(_Exit);
	next(settled_status(status));
	__builtin_unreachable();
}

/*
 * Who becomes another program has no status yet that could tell of a disk that fails. It is said,
 * and the other program is run all the same: what was changed is in force, and whoever is waiting
 * for that program loses more without it than a power cut may take.
 */
#define EXEC(name, parameters, arguments)                                                          \
	EXPORTED int name parameters                                                               \
	{                                                                                          \
		NEXT(name);                                                                        \
                                                                                                   \
		settled_status(0);                                                                 \
		return next arguments;                                                             \
	}
EXEC(execve, (const char *path, char *const words[], char *const env[]), (path, words, env))
EXEC(execveat, (int folder, const char *path, char *const words[], char *const env[], int flags),
     (folder, path, words, env, flags))
EXEC(fexecve, (int fd, char *const words[], char *const env[]), (fd, words, env))
EXEC(execv, (const char *path, char *const words[]), (path, words))
EXEC(execvp, (const char *file, char *const words[]), (file, words))
EXEC(execvpe, (const char *file, char *const words[], char *const env[]), (file, words, env))

/* How many words there are, and in `words`, if that is not NULL, which. */
static size_t words_of(const char *first, va_list *rest, char **words)
{
	size_t count = 0;

	for (const char *word = first; word != NULL; word = va_arg(*rest, const char *)) {
		if (words != NULL)
			words[count] = (char *)word;
		count++;
	}
	return count;
}

/* The same with words one by one; behind their NULL there may be an environment. */
#define EXEC_LIST(name, by, environment)                                                           \
	EXPORTED int name(const char *path, const char *first, ...)                                \
	{                                                                                          \
		va_list rest;                                                                      \
		size_t count;                                                                      \
		char **env;                                                                        \
                                                                                                   \
		va_start(rest, first);                                                             \
		count = words_of(first, &rest, NULL);                                              \
		env = environment;                                                                 \
		va_end(rest);                                                                      \
                                                                                                   \
		char *words[count + 1];                                                            \
                                                                                                   \
		va_start(rest, first);                                                             \
		words[words_of(first, &rest, words)] = NULL;                                       \
		va_end(rest);                                                                      \
		return by(path, words, env);                                                       \
	}
EXEC_LIST(execl, execve, environ)
EXEC_LIST(execlp, execvpe, environ)
EXEC_LIST(execle, execve, va_arg(rest, char **))
