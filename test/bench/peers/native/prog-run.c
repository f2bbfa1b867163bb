/*
 * Runs a program of frames.bpf.c as often as it is told to and says what CPU time that took. Raw system calls and a loader for the one kind
 * of object that clang makes of that file, so that it needs no library.
 *
 *   prog-run OBJECT SECTION [live=DEVICE] [MAP=ENTRIES …]
 *
 * live=DEVICE: frames go as if DEVICE had received them. Commands come on standard input, one a line; each is answered on standard output by lines of which
 * the last one begins with "ok":
 *
 *   frame HEX                    the buffer that the program is given
 *   set NUMBER VALUE             a word of the course
 *   course                       ok and all words of the course
 *   endpoints FIRST COUNT EGRESS policies for COUNT addresses from FIRST on; numbers in host order
 *   run COUNT                    ok and the nanoseconds of this thread's CPU time
 *   one                          one run outside of the network stack: ok and the frame that it left behind, in hex
 *   watch DEVICE COUNT           runs COUNT frames and prints "frame HEX" for each that DEVICE is given to send
 */
#include <arpa/inet.h>
#include <elf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_BYTES = 64, MAX_MAPS = 8, COURSE_WORDS = 8, LIVE_BATCH = 64, LOG_BYTES = 1 << 20, WATCH_MS = 200 };

struct map_definition {
  uint32_t type, key_size, value_size, entries, flags;
};
struct map {
  const char *name;
  uint32_t at; /* in its section */
  int fd;
};

static struct map maps[MAX_MAPS];
static int map_count, program, live_device;
static uint8_t frame[FRAME_BYTES];

static void fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  fputs("prog-run: ", stderr);
  vfprintf(stderr, format, values);
  fputc('\n', stderr);
  va_end(values);
  exit(1);
}

static int bpf(int command, union bpf_attr *attr) {
  return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

static uint8_t *read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) fail("%s: %s", path, strerror(errno));
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  uint8_t *bytes = malloc((size_t)size);
  if (!bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size) fail("%s: cannot be read whole", path);
  fclose(file);
  return bytes;
}

/* Entries that the command line asks for, or those of the definition. */
static uint32_t entries_of(const char *name, uint32_t usual, char **options) {
  size_t length = strlen(name);
  for (; *options; options++)
    if (!strncmp(*options, name, length) && (*options)[length] == '=') return (uint32_t)strtoul(*options + length + 1, 0, 10);
  return usual;
}

static int map_fd(const char *name, uint32_t at, const uint8_t *section, char **options) {
  for (int i = 0; i < map_count; i++)
    if (maps[i].at == at) return maps[i].fd;
  if (map_count == MAX_MAPS) fail("%s: more than %d maps", name, MAX_MAPS);
  struct map_definition d;
  memcpy(&d, section + at, sizeof d);
  union bpf_attr attr = {.map_type = d.type, .key_size = d.key_size, .value_size = d.value_size, .map_flags = d.flags};
  attr.max_entries = entries_of(name, d.entries, options);
  int fd = bpf(BPF_MAP_CREATE, &attr);
  if (fd < 0) fail("map %s of %u entries: %s", name, attr.max_entries, strerror(errno));
  maps[map_count++] = (struct map){name, at, fd};
  return fd;
}

static int map_named(const char *name) {
  for (int i = 0; i < map_count; i++)
    if (!strcmp(maps[i].name, name)) return maps[i].fd;
  fail("the program has no map %s", name);
  return -1;
}

static int load_code(struct bpf_insn *code, size_t bytes) {
  static char log[LOG_BYTES];
  union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_XDP, .insns = (uintptr_t)code, .insn_cnt = (uint32_t)(bytes / sizeof *code)};
  attr.license = (uintptr_t) "Apache-2.0";
  int fd = bpf(BPF_PROG_LOAD, &attr);
  if (fd >= 0) return fd;
  int why = errno;
  attr.log_buf = (uintptr_t)log;
  attr.log_size = LOG_BYTES;
  attr.log_level = 1;
  bpf(BPF_PROG_LOAD, &attr);
  fail("the kernel does not take the program (%s):\n%s", strerror(why), log);
  return -1;
}

/* Loads the program of one section; every map that it names is made. */
static void load(const char *path, const char *wanted, char **options) {
  uint8_t *file = read_file(path);
  Elf64_Ehdr *head = (void *)file;
  if (memcmp(head->e_ident, ELFMAG, SELFMAG) || head->e_machine != EM_BPF) fail("%s: no object of clang -target bpf", path);
  Elf64_Shdr *sections = (void *)(file + head->e_shoff);
  const char *names = (char *)file + sections[head->e_shstrndx].sh_offset;
  int code = 0;
  for (int i = 1; i < head->e_shnum; i++)
    if (!strcmp(names + sections[i].sh_name, wanted)) code = i;
  if (!code) fail("%s: no section %s", path, wanted);
  for (int i = 1; i < head->e_shnum; i++) {
    if (sections[i].sh_type != SHT_REL || (int)sections[i].sh_info != code) continue;
    Elf64_Shdr *table = &sections[sections[i].sh_link];
    Elf64_Sym *symbols = (void *)(file + table->sh_offset);
    const char *symbol_names = (char *)file + sections[table->sh_link].sh_offset;
    Elf64_Rel *relocations = (void *)(file + sections[i].sh_offset);
    for (size_t r = 0; r < sections[i].sh_size / sizeof *relocations; r++) {
      Elf64_Sym *symbol = &symbols[ELF64_R_SYM(relocations[r].r_info)];
      struct bpf_insn *insn = (void *)(file + sections[code].sh_offset + relocations[r].r_offset);
      const uint8_t *definitions = file + sections[symbol->st_shndx].sh_offset;
      insn->src_reg = BPF_PSEUDO_MAP_FD;
      insn->imm = map_fd(symbol_names + symbol->st_name, (uint32_t)symbol->st_value, definitions, options);
    }
  }
  program = load_code((void *)(file + sections[code].sh_offset), sections[code].sh_size);
}

/* A veth device registers its receive queue, which live frames need, only where some program is attached. Ends with this process. */
static void attach(const char *device) {
  live_device = (int)if_nametoindex(device);
  if (!live_device) fail("%s: no such device", device);
  union bpf_attr attr = {.link_create = {.prog_fd = (uint32_t)program, .target_ifindex = (uint32_t)live_device, .attach_type = BPF_XDP}};
  if (bpf(BPF_LINK_CREATE, &attr) < 0) fail("%s takes no XDP program: %s", device, strerror(errno));
}

static void update(int fd, const void *key, const void *value) {
  union bpf_attr attr = {.map_fd = (uint32_t)fd, .key = (uintptr_t)key, .value = (uintptr_t)value};
  if (bpf(BPF_MAP_UPDATE_ELEM, &attr)) fail("a map takes no entry: %s", strerror(errno));
}

static void read_course(uint64_t *words) {
  uint32_t zero = 0;
  union bpf_attr attr = {.map_fd = (uint32_t)map_named("course"), .key = (uintptr_t)&zero, .value = (uintptr_t)words};
  if (bpf(BPF_MAP_LOOKUP_ELEM, &attr)) fail("the course cannot be read: %s", strerror(errno));
}

static void set_word(unsigned number, uint64_t value) {
  uint64_t words[COURSE_WORDS];
  uint32_t zero = 0;
  if (number >= COURSE_WORDS) fail("set %u: expected a word below %d", number, COURSE_WORDS);
  read_course(words);
  words[number] = value;
  update(map_named("course"), &zero, words);
}

static void add_endpoints(uint32_t first, uint32_t count, uint32_t egress) {
  int fd = map_named("policies");
  for (uint32_t i = 0; i < count; i++) {
    uint32_t key[3] = {32, htonl(first + i), 0}, value[2] = {htonl(egress), 0};
    update(fd, key, value);
  }
}

static uint64_t thread_time(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* @returns nanoseconds of CPU time */
static uint64_t run(uint32_t count, int is_live, uint8_t *out) {
  struct xdp_md context = {.data_end = FRAME_BYTES, .ingress_ifindex = (uint32_t)live_device};
  union bpf_attr attr = {.test = {.prog_fd = (uint32_t)program, .repeat = count, .data_in = (uintptr_t)frame, .data_size_in = FRAME_BYTES}};
  if (is_live) {
    attr.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    attr.test.batch_size = LIVE_BATCH;
    attr.test.ctx_in = (uintptr_t)&context;
    attr.test.ctx_size_in = sizeof context;
  } else if (out) {
    attr.test.data_out = (uintptr_t)out;
    attr.test.data_size_out = FRAME_BYTES;
  }
  uint64_t before = thread_time();
  if (bpf(BPF_PROG_TEST_RUN, &attr)) fail("run of %u frames: %s", count, strerror(errno));
  return thread_time() - before;
}

static void print_hex(const char *what, const uint8_t *bytes) {
  printf("%s ", what);
  for (int i = 0; i < FRAME_BYTES; i++) printf("%02x", bytes[i]);
  putchar('\n');
}

static void watch(const char *device, uint32_t count) {
  int packets = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  struct sockaddr_ll where = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(device)};
  struct timeval patience = {.tv_usec = WATCH_MS * 1000};
  if (packets < 0 || !where.sll_ifindex || bind(packets, (void *)&where, sizeof where)) fail("watch %s: %s", device, strerror(errno));
  setsockopt(packets, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  run(count, 1, 0);
  uint8_t seen[FRAME_BYTES];
  for (uint32_t i = 0; i < count && recv(packets, seen, sizeof seen, 0) == FRAME_BYTES; i++) print_hex("frame", seen);
  close(packets);
  puts("ok");
}

static void read_hex(const char *text) {
  for (int i = 0; i < FRAME_BYTES; i++) {
    unsigned value;
    if (sscanf(text + 2 * i, "%2x", &value) != 1) fail("frame: expected %d bytes in hex", FRAME_BYTES);
    frame[i] = (uint8_t)value;
  }
}

static void obey(char *line) {
  unsigned number, first, count, egress;
  unsigned long long value;
  char name[IF_NAMESIZE + 1];
  if (!strncmp(line, "frame ", 6)) {
    read_hex(line + 6);
    puts("ok");
  } else if (sscanf(line, "set %u %llu", &number, &value) == 2) {
    set_word(number, value);
    puts("ok");
  } else if (!strcmp(line, "course\n")) {
    uint64_t words[COURSE_WORDS];
    read_course(words);
    printf("ok");
    for (int i = 0; i < COURSE_WORDS; i++) printf(" %llu", (unsigned long long)words[i]);
    putchar('\n');
  } else if (sscanf(line, "endpoints %u %u %u", &first, &count, &egress) == 3) {
    add_endpoints(first, count, egress);
    puts("ok");
  } else if (sscanf(line, "run %u", &count) == 1) {
    printf("ok %llu\n", (unsigned long long)run(count, live_device != 0, 0));
  } else if (!strcmp(line, "one\n")) {
    uint8_t out[FRAME_BYTES];
    run(1, 0, out);
    print_hex("ok", out);
  } else if (sscanf(line, "watch %16s %u", name, &count) == 2) {
    watch(name, count);
  } else {
    fail("unknown command: %s", line);
  }
}

int main(int argc, char **argv) {
  if (argc < 3) fail("expected OBJECT SECTION [live=DEVICE] [MAP=ENTRIES …]");
  struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_MEMLOCK, &all);
  load(argv[1], argv[2], argv + 3);
  for (char **option = argv + 3; *option; option++)
    if (!strncmp(*option, "live=", 5)) attach(*option + 5);
  char line[256];
  setvbuf(stdout, 0, _IOLBF, 0);
  puts("ok");
  while (fgets(line, sizeof line, stdin)) obey(line);
  return 0;
}
