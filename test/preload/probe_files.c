/*
 * Files of IPVS in /proc/net, and others. Read next: probe.c.
 */
#include "probe.h"

#include <pthread.h>
#include <sched.h>

static void files(void)
{
	char line[64] = "";
	int fd = open("/proc/net/ip_vs", O_RDONLY | O_CLOEXEC);
	FILE *file = fopen("/proc/net/ip_vs_conn", "r");

	CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) && lseek(fd, 0, SEEK_CUR) == 0);
	CHECK(read(fd, line, 17) == 17 && strcmp(line, "IP Virtual Server") == 0);
	CHECK(file != NULL && fgets(line, sizeof(line), file) && strncmp(line, "Pro ", 4) == 0);
	CHECK(openat(AT_FDCWD, "/proc/net/ip_vs_stats", O_RDONLY) >= 0);
	CHECK(open("/proc/net/ip_vs_none", O_RDONLY) < 0 && errno == ENOENT);
	CHECK(open("/proc/net/ip_vs", O_WRONLY) < 0 && fopen("/proc/net/ip_vs", "w") == NULL);
	CHECK(open("/proc/net/dev", O_RDONLY) >= 0);
	fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	CHECK(fd < 0 || write(fd, "x", 1) == 1);
}

/* Whether the beginning of what can be read is that of xlvsd's table. */
static bool is_table(int fd)
{
	char line[18] = "";

	return read(fd, line, 17) == 17 && strcmp(line, "IP Virtual Server") == 0;
}

/* Flags of open() that say how a file is to be read, and such as are for something else. */
static void flags(void)
{
	int fd = open("/proc/net/ip_vs", O_RDONLY | O_NONBLOCK | O_NOFOLLOW);

	CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) && is_table(fd));
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0);
	errno = 77;
	fd = open("/proc/net/ip_vs", O_RDONLY);
	CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0 && errno == 77);
	errno = 77;
	CHECK(fopen("/proc/net/ip_vs", "re") != NULL && errno == 77);
	/* Whether there is a file, or a folder, is for the kernel to say. */
	CHECK(open("/proc/net/ip_vs", O_PATH) < 0 && errno == ENOENT);
	CHECK(open("/proc/net/ip_vs", O_RDONLY | O_DIRECTORY) < 0 && errno == ENOENT);
	/* What one without a descriptor left is told. */
	while (dup(fd) >= 0)
		;
	CHECK(open("/proc/net/ip_vs", O_RDONLY) < 0 && errno == EMFILE);
	CHECK(fopen("/proc/net/ip_vs", "r") == NULL && errno == EMFILE);
}

/* Other ways to the same file; and such as lead elsewhere, or from where nobody has looked. */
static void folders(void)
{
	int net = open("/proc/net", O_RDONLY | O_DIRECTORY), tmp = open("/tmp", O_PATH);

	CHECK(is_table(open("/proc/self/net/ip_vs", O_RDONLY)));
	CHECK(is_table(openat(tmp, "/proc/net/ip_vs", O_RDONLY)));
	CHECK(is_table(openat(net, "ip_vs", O_RDONLY)));
	CHECK(openat(net, "dev", O_RDONLY) >= 0);
	CHECK(openat(tmp, "ip_vs", O_RDONLY) < 0 && errno == ENOENT);
	CHECK(openat(99, "ip_vs", O_RDONLY) < 0 && errno == EBADF);
	CHECK(chdir("/proc/net") == 0 && open("ip_vs", O_RDONLY) < 0 && errno == ENOENT);
}

static void *reads_elsewhere(void *unused)
{
	CHECK(unshare(CLONE_NEWNET) == 0);
	CHECK(is_table(open("/proc/net/ip_vs", O_RDONLY)));
	return unused;
}

/* /proc/net shows a thread the network namespace of its process' first one. */
static void other_thread(void)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, reads_elsewhere, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
}

/* As one who may not open the socket. */
static void no_rights(void)
{
	CHECK(open("/proc/net/ip_vs", O_RDONLY) < 0 && errno == EACCES);
	CHECK(fopen("/proc/net/ip_vs", "r") == NULL && errno == EACCES);
}

const struct probe FILES[] = {
	{"files", files},	  {"flags", flags},
	{"folders", folders},	  {"other thread", other_thread},
	{"no rights", no_rights}, {NULL, NULL},
};
