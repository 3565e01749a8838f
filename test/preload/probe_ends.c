/*
 * Ways to end for a program that has asked IPVS for something. Read next: probe.c.
 */
#include "probe.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

static void by_return(void)
{
	ask_once();
	printf("said");
}

static void by_exit(void)
{
	ask_once();
	printf("said");
	exit(0);
}

static void by_exit_256(void)
{
	ask_once();
	exit(256);
}

static void by__exit(void)
{
	ask_once();
	_exit(0);
}

static void by_quick_exit(void)
{
	ask_once();
	quick_exit(0);
}

static void by_failure(void)
{
	ask_once();
	exit(7);
}

/* The child has asked, its parent has not. */
static void by_child(void)
{
	int status;

	if (fork() == 0)
		by__exit();
	CHECK(wait(&status) > 0 && WIFEXITED(status));
	exit(WEXITSTATUS(status));
}

/* The parent has asked, and its child has nothing to wait for; nor has it itself after the fork. */
static void by_parent(void)
{
	int status;

	ask_once();
	if (fork() == 0)
		_exit(0);
	CHECK(wait(&status) > 0 && status == 0);
}

static void *asks(void *unused)
{
	ask_once();
	return unused;
}

static void by_thread(void)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, asks, NULL) == 0 && pthread_join(thread, NULL) == 0);
}

/* Without the rights that it had when it asked. */
static void by_nobody(void)
{
	ask_once();
	CHECK(setgid(65534) == 0 && setuid(65534) == 0);
}

static _Atomic int has_asked;

static void *asks_and_stays(void *unused)
{
	ask_once();
	has_asked = 1;
	pause();
	return unused;
}

/* By a thread that has no connection yet, and that is to be cancelled: it ends all the same. */
static void by_cancelled(void)
{
	pthread_t thread;

	/* Or else its end would not be the process'. */
	alarm(30);
	CHECK(pthread_create(&thread, NULL, asks_and_stays, NULL) == 0);
	while (!has_asked)
		sched_yield();
	CHECK(pthread_cancel(pthread_self()) == 0);
	_exit(0);
}

/* Who is interrupted may be in malloc, which is not for handlers. */
static volatile sig_atomic_t is_handling;

void *__libc_malloc(size_t size);

void *malloc(size_t size)
{
	if (is_handling)
		_Exit(3);
	return __libc_malloc(size);
}

static void end(int signal)
{
	(void)signal;
	is_handling = 1;
	_exit(0);
}

static void by_signal(void)
{
	ask_once();
	signal(SIGUSR1, end);
	raise(SIGUSR1);
}

static _Atomic int is_forking;

static void before_fork(void)
{
	is_forking = 1;
}

static char state_of(pid_t thread)
{
	char path[64], state = '?';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
	file = fopen(path, "r");
	CHECK(file != NULL && fscanf(file, "%*d %*s %c", &state) == 1);
	fclose(file);
	return state;
}

/* Once the other waits for the disk. */
static void *asks_meanwhile(void *other)
{
	while (!is_forking || state_of(*(pid_t *)other) != 'S')
		sched_yield();
	ask_once();
	return NULL;
}

/* A thread asks while another, which is to fork, waits for the disk. */
static void by_both(void)
{
	pid_t own = getpid();
	pthread_t thread;
	int status;

	/* Of those that are called before a fork, the last to be registered is the first. */
	pthread_atfork(before_fork, NULL, NULL);
	ask_once();
	CHECK(pthread_create(&thread, NULL, asks_meanwhile, &own) == 0);
	if (fork() == 0)
		_exit(0);
	CHECK(wait(&status) > 0 && status == 0 && pthread_join(thread, NULL) == 0);
}

static char *const WORDS[] = {"true", NULL};

static void by_execve(void)
{
	ask_once();
	execve("/bin/true", WORDS, environ);
}

static void by_execveat(void)
{
	ask_once();
	execveat(AT_FDCWD, "/bin/true", WORDS, environ, 0);
}

static void by_fexecve(void)
{
	ask_once();
	fexecve(open("/bin/true", O_RDONLY | O_CLOEXEC), WORDS, environ);
}

static void by_execv(void)
{
	ask_once();
	execv("/bin/true", WORDS);
}

static void by_execvp(void)
{
	ask_once();
	execvp("true", WORDS);
}

static void by_execvpe(void)
{
	ask_once();
	execvpe("true", WORDS, environ);
}

/* Of the words of these it is seen that none is lost. */
static void by_execl(void)
{
	ask_once();
	execl("/bin/sh", "sh", "-c", "test $0$1 = ab", "a", "b", NULL);
}

static void by_execlp(void)
{
	ask_once();
	execlp("sh", "sh", "-c", "test $0$1 = ab", "a", "b", NULL);
}

static void by_execle(void)
{
	char *env[] = {"a=b", NULL};

	ask_once();
	execle("/bin/sh", "sh", "-c", "test $a$0 = bc", "c", NULL, env);
}

/* There is no such program, so that this one goes on. */
static void by_no_exec(void)
{
	ask_once();
	errno = 0;
	CHECK(execv("/nonexistent", WORDS) < 0 && errno == ENOENT);
}

/* A child that has its parent's memory has still not done what that has. */
static void by_vfork(void)
{
	int status;

	ask_once();
	if (vfork() == 0) {
		execv("/bin/true", WORDS);
		_exit(3);
	}
	CHECK(wait(&status) > 0 && status == 0);
}

/* The parent ends within libc, where nobody asks. */
static void by_daemon(void)
{
	ask_once();
	CHECK(daemon(1, 1) == 0);
}

const struct probe ENDS[] = {
	{"return", by_return},
	{"exit", by_exit},
	{"exit 256", by_exit_256},
	{"_exit", by__exit},
	{"quick_exit", by_quick_exit},
	{"failure", by_failure},
	{"child", by_child},
	{"parent", by_parent},
	{"thread", by_thread},
	{"signal", by_signal},
	{"cancelled", by_cancelled},
	{"nobody's", by_nobody},
	{"both", by_both},
	{"execve", by_execve},
	{"execveat", by_execveat},
	{"fexecve", by_fexecve},
	{"execv", by_execv},
	{"execvp", by_execvp},
	{"execvpe", by_execvpe},
	{"execl", by_execl},
	{"execlp", by_execlp},
	{"execle", by_execle},
	{"no exec", by_no_exec},
	{"vfork", by_vfork},
	{"daemon", by_daemon},
	{NULL, NULL},
};
