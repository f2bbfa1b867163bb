/*
 * Classic captures (draft-ietf-opsawg-pcap) of Ethernet frames: read with microseconds or nanoseconds in either byte order, written with
 * nanoseconds, little-endian.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

#define HEADER_SIZE 24u
#define RECORD_SIZE 16u
#define MICROSECOND_MAGIC 0xa1b2c3d4u
#define NANOSECOND_MAGIC 0xa1b23c4du
#define ETHERNET 1u
#define LINK_TYPE_MASK 0x03ffffffu /* the upper six bits tell of a frame check sequence */
#define MAX_CAPTURED 262144u       /* largest frame that a capture may hold; libpcap's limit */
#define SECOND UINT64_C(1000000000)

static uint32_t u32_at(const uint8_t *at, bool little) {
  return little ? (uint32_t)at[3] << 24 | at[2] << 16 | at[1] << 8 | at[0] : (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

static unsigned u16_at(const uint8_t *at, bool little) {
  return little ? (unsigned)at[1] << 8 | at[0] : (unsigned)at[0] << 8 | at[1];
}

static void put32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

/* Byte order and nanoseconds per unit by the magic. */
static bool find_variant(const uint8_t *at, bool *little, uint64_t *unit) {
  for (int order = 0; order < 2; order++) {
    *little = order == 0;
    const uint32_t magic = u32_at(at, *little);
    *unit = magic == MICROSECOND_MAGIC ? 1000 : 1;
    if (magic == MICROSECOND_MAGIC || magic == NANOSECOND_MAGIC) return true;
  }
  return false;
}

static bool read_header(const char *file, const bytes *data, bool *little, uint64_t *unit, sg_fault *fault) {
  if (data->size < HEADER_SIZE)
    return sg_fail(fault, "%s: byte 0: %zu bytes are left, expected the %u of a pcap header", file, data->size, HEADER_SIZE);
  if (!find_variant(data->data, little, unit))
    return sg_fail(fault, "%s: byte 0: magic is %08x, expected d4c3b2a1, a1b2c3d4, 4d3cb2a1 or a1b23c4d: classic pcap", file,
                   u32_at(data->data, false));
  const unsigned major = u16_at(data->data + 4, *little), minor = u16_at(data->data + 6, *little);
  if (major != 2 || minor != 4) return sg_fail(fault, "%s: byte 4: version is %u.%u, expected 2.4", file, major, minor);
  const uint32_t link_type = u32_at(data->data + 20, *little) & LINK_TYPE_MASK;
  if (link_type == ETHERNET) return true;
  return sg_fail(fault, "%s: byte 20: link type is %u, expected %u: Ethernet", file, link_type, ETHERNET);
}

static bool add(capture *capture, size_t *room, sg_packet packet) {
  if (capture->count == *room) {
    *room = *room == 0 ? 1024 : *room * 2;
    sg_packet *more = realloc(capture->packets, *room * sizeof packet);
    if (more == NULL) return false;
    capture->packets = more;
  }
  capture->packets[capture->count++] = packet;
  return true;
}

static bool read_records(capture *capture, const char *file, bool little, uint64_t unit, sg_fault *fault) {
  const bytes *data = &capture->file;
  size_t room = 0;
  for (size_t at = HEADER_SIZE; at < data->size;) {
    const size_t number = capture->count + 1;
    if (data->size - at < RECORD_SIZE)
      return sg_fail(fault, "%s: byte %zu: frame %zu: %zu bytes are left, expected the %u of a record header", file, at, number,
                     data->size - at, RECORD_SIZE);
    const uint8_t *record = data->data + at;
    const uint32_t captured = u32_at(record + 8, little), wire = u32_at(record + 12, little);
    if (captured > MAX_CAPTURED)
      return sg_fail(fault, "%s: byte %zu: frame %zu: captured length is %u, expected at most %u", file, at + 8, number, captured,
                     MAX_CAPTURED);
    at += RECORD_SIZE;
    if (captured > data->size - at)
      return sg_fail(fault, "%s: byte %zu: frame %zu: %zu bytes are left, expected the %u of the frame", file, at, number,
                     data->size - at, captured);
    const sg_packet packet = {
        .bytes = data->data + at,
        .length = captured,
        .wire = wire > captured ? wire : captured,
        .time = u32_at(record, little) * SECOND + u32_at(record + 4, little) * unit,
    };
    if (!add(capture, &room, packet)) return sg_fail(fault, "%s: no memory is left", file);
    at += captured;
  }
  return true;
}

bool capture_read(capture *capture, const char *file, sg_fault *fault) {
  bool little = true;
  uint64_t unit = 1;
  memset(capture, 0, sizeof *capture);
  if (!read_file(file, &capture->file, fault)) return false;
  if (read_header(file, &capture->file, &little, &unit, fault) && read_records(capture, file, little, unit, fault)) return true;
  capture_free(capture);
  return false;
}

void capture_free(capture *capture) {
  free(capture->file.data);
  free(capture->packets);
  memset(capture, 0, sizeof *capture);
}

static bool put(capture_writer *writer, const uint8_t *data, size_t size, sg_fault *fault) {
  sha256_update(&writer->hash, size, data);
  if (writer->file == NULL || fwrite(data, 1, size, writer->file) == size) return true;
  return sg_fail(fault, "%s: cannot be written (%s)", writer->name, strerror(errno));
}

bool writer_open(capture_writer *writer, const char *name, sg_fault *fault) {
  uint8_t header[HEADER_SIZE] = {0};
  *writer = (capture_writer){.name = name};
  sha256_init(&writer->hash);
  if (name != NULL && (writer->file = fopen(name, "wb")) == NULL)
    return sg_fail(fault, "%s: cannot be written (%s)", name, strerror(errno));
  put32(header, NANOSECOND_MAGIC);
  header[4] = 2;
  header[6] = 4;
  put32(header + 16, MAX_CAPTURED);
  put32(header + 20, ETHERNET);
  return put(writer, header, sizeof header, fault);
}

bool writer_frame(capture_writer *writer, const uint8_t *frame, uint32_t length, uint32_t wire, uint64_t time, sg_fault *fault) {
  uint8_t record[RECORD_SIZE];
  put32(record, (uint32_t)(time / SECOND));
  put32(record + 4, (uint32_t)(time % SECOND));
  put32(record + 8, length);
  put32(record + 12, wire);
  return put(writer, record, sizeof record, fault) && put(writer, frame, length, fault);
}

bool writer_close(capture_writer *writer, char sha256[2 * SHA256_DIGEST_SIZE + 1], sg_fault *fault) {
  uint8_t digest[SHA256_DIGEST_SIZE];
  sha256_digest(&writer->hash, sizeof digest, digest);
  hex_of(digest, sizeof digest, sha256);
  if (writer->file == NULL || fclose(writer->file) == 0) return true;
  return sg_fail(fault, "%s: cannot be written (%s)", writer->name, strerror(errno));
}
