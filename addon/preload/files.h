/*
 * Files of IPVS in /proc/net that a program opens. Read next: files.c.
 */
#ifndef XLVS_PRELOAD_FILES_H
#define XLVS_PRELOAD_FILES_H

#include <stdbool.h>

/*
 * Whether what is to be opened is xlvsd's: then `fd` is a copy of it, or -1, and errno is set.
 * False: it is for the kernel. `folder` is that of openat().
 */
bool take_open(int folder, const char *path, int flags, int *fd);

#endif
