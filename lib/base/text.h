/*
 * text.h: the characters of texts that people read: UTF-8, and those that act on a terminal instead
 * of being seen. Floor 0.
 */
#ifndef LIFECYCLE_BASE_TEXT_H
#define LIFECYCLE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* U+FFFD, the replacement character. */
#define LC__TEXT_REPLACEMENT 0xfffd

/*
 * Reads the next character of a text that is not at its end. @return how many bytes it takes. A
 * byte that begins no UTF-8 is a replacement character of one byte. It reads nothing beyond the
 * end.
 */
size_t lc__text_decode(const char *text, uint32_t *character);
/* Writes a character in UTF-8, and a terminating zero. */
void lc__text_encode(char encoded[static 5], uint32_t character);
/*
 * Whether a character acts instead of being seen: the controls (C0, DEL, C1), the separators of
 * lines and paragraphs, and the characters that change the direction of the text around them.
 */
bool lc__text_acts(uint32_t character);

#endif
