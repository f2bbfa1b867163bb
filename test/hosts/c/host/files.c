#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

static bool unreadable(const char *file, sg_fault *fault) {
  return sg_fail(fault, "%s: cannot be read (%s)", file, strerror(errno));
}

bool read_file(const char *file, bytes *contents, sg_fault *fault) {
  *contents = (bytes){NULL, 0};
  FILE *opened = fopen(file, "rb");
  if (opened == NULL) return unreadable(file, fault);
  size_t room = 0;
  for (;;) {
    if (room - contents->size < 2) {
      room = room == 0 ? 1 << 16 : room * 2;
      uint8_t *more = realloc(contents->data, room);
      if (more == NULL) break;
      contents->data = more;
    }
    const size_t got = fread(contents->data + contents->size, 1, room - 1 - contents->size, opened);
    contents->size += got;
    if (got > 0) continue;
    if (ferror(opened)) break;
    contents->data[contents->size] = 0;
    fclose(opened);
    return true;
  }
  unreadable(file, fault);
  fclose(opened);
  free(contents->data);
  return false;
}

cJSON *read_json(const char *file, sg_fault *fault) {
  bytes text;
  if (!read_file(file, &text, fault)) return NULL;
  cJSON *parsed = cJSON_ParseWithLength((const char *)text.data, text.size);
  free(text.data);
  if (parsed == NULL) sg_fail(fault, "%s: is no JSON", file);
  return parsed;
}

const char *text_of(const cJSON *object, const char *key) {
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
  return text ? text : "";
}

double number_of(const cJSON *object, const char *key, double otherwise) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
  return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

static int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool unhex(const char *text, bytes *contents) {
  const size_t digits = strlen(text);
  *contents = (bytes){malloc(digits / 2 + 1), digits / 2};
  bool is_right = contents->data != NULL && digits % 2 == 0;
  for (size_t i = 0; is_right && i < contents->size; i++) {
    const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) is_right = false;
    else contents->data[i] = (uint8_t)(high << 4 | low);
  }
  if (is_right) return true;
  free(contents->data);
  *contents = (bytes){NULL, 0};
  return false;
}

void hex_of(const uint8_t *data, size_t size, char *text) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < size; i++) {
    text[2 * i] = digits[data[i] >> 4];
    text[2 * i + 1] = digits[data[i] & 15];
  }
  text[2 * size] = 0;
}
