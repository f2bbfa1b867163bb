/*
 * Runs a program to its end and writes what it used to file descriptor 3, in one line: exit status, or 128 and the signal that ended it;
 * microseconds of user and of system time; greatest resident size in KiB. Children that the program waited for count with it.
 *
 *   spend PROGRAM ARGUMENTS …
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPORT = 3 };

static long long microseconds(struct timeval t) {
  return t.tv_sec * 1000000LL + t.tv_usec;
}

int main(int argc, char **argv) {
  if (argc < 2) return fputs("spend: expected PROGRAM ARGUMENTS …\n", stderr), 1;
  pid_t child = fork();
  if (child < 0) return fprintf(stderr, "spend: %s\n", strerror(errno)), 1;
  if (child == 0) {
    fcntl(REPORT, F_SETFD, FD_CLOEXEC);
    execvp(argv[1], argv + 1);
    fprintf(stderr, "spend: %s: %s\n", argv[1], strerror(errno));
    _exit(127);
  }
  int status;
  struct rusage used;
  while (wait4(child, &status, 0, &used) < 0)
    if (errno != EINTR) return fprintf(stderr, "spend: %s\n", strerror(errno)), 1;
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  dprintf(REPORT, "%d %lld %lld %ld\n", code, microseconds(used.ru_utime), microseconds(used.ru_stime), used.ru_maxrss);
  return 0;
}
