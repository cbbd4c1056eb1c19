/*
 * text.h: the characters of texts that people see: UTF-8, and which of them act on a terminal
 * instead of being seen. Floor 0.
 */
#ifndef LIFECYCLE_BASE_TEXT_H
#define LIFECYCLE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* U+FFFD, the replacement character. */
#define LC__TEXT_REPLACEMENT 0xfffd

/*
 * The next character of a text that is not at its end. @return how many bytes it takes. A byte that
 * begins no UTF-8 is a replacement character of one byte. Nothing is read beyond the end.
 */
size_t lc__text_decode(const char *text, uint32_t *character);
/* Writes a character in UTF-8, and a terminator. */
void lc__text_encode(char encoded[static 5], uint32_t character);
/*
 * Whether a character acts instead of being seen: the controls (C0, DEL, C1), the separators of
 * lines and paragraphs, and what changes the direction of the text around it.
 */
bool lc__text_acts(uint32_t character);

#endif
