/* Runs the engine over captures and conformance vectors. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

#define MAX_ROUNDS 1000

static const char USAGE[] =
    "usage: sluicegate-host vectors DIR_OR_FILE…\n"
    "       sluicegate-host replay --policy policy.bin --about policy.json [--rounds N] CAPTURE OUT\n"
    "the engine is built in";

static bool read_options(int argc, char **argv, replay_options *options, sg_fault *fault) {
  static const struct option NAMES[] = {
      {"policy", required_argument, NULL, 'p'},
      {"about", required_argument, NULL, 'a'},
      {"rounds", required_argument, NULL, 'r'},
      {NULL, 0, NULL, 0},
  };
  const char *rounds = "1";
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, "", NAMES, NULL)) != -1;) {
    if (option == 'p') options->policy = optarg;
    else if (option == 'a') options->about = optarg;
    else if (option == 'r') rounds = optarg;
    else return sg_fail(fault, "%s", USAGE);
  }
  if (options->policy == NULL || options->about == NULL || argc - optind != 2) return sg_fail(fault, "%s", USAGE);
  options->capture = argv[optind];
  options->out = argv[optind + 1];
  char *end;
  const long number = strtol(rounds, &end, 10);
  if (end == rounds || *end != 0 || number < 1 || number > MAX_ROUNDS)
    return sg_fail(fault, "--rounds is %s, expected 1 to %d", rounds, MAX_ROUNDS);
  options->rounds = (unsigned)number;
  return true;
}

int main(int argc, char **argv) {
  sg_fault fault;
  size_t differ = 0;
  bool is_done;
  if (argc > 2 && strcmp(argv[1], "vectors") == 0 && argv[2][0] != '-') {
    is_done = run_vectors(argv + 2, (size_t)argc - 2, &differ, &fault);
  } else if (argc > 1 && strcmp(argv[1], "replay") == 0) {
    replay_options options = {0};
    is_done = read_options(argc - 1, argv + 1, &options, &fault) && replay(&options, &fault);
  } else {
    is_done = sg_fail(&fault, "%s", USAGE);
  }
  if (is_done) return differ > 0 ? 1 : 0;
  fflush(stdout);
  fprintf(stderr, "%s\n", fault.text);
  return 2;
}
