/*
 * What a program was told is done is on disk by the time that it ends. Read next: ending.c.
 */
#ifndef XLVS_PRELOAD_ENDING_H
#define XLVS_PRELOAD_ENDING_H

/* Something that this process was answered is not on disk yet. */
void note_unsettled(void);

/* Waits until it is, or says on standard error that it is not. The status to end with: `status`, or
 * 1 in the place of 0 when it is not. */
int settled_status(int status);

#endif
