/*
 * Files of IPVS in /proc/net, and others. Read next: probe.c.
 */
#include "probe.h"

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

const struct probe FILES[] = {
	{"files", files},
	{NULL, NULL},
};
