/*
 * text.c: see text.h.
 */
#include "base/text.h"

/* It stops at the terminating zero, which continues no sequence. */
size_t lc__text_decode(const char *text, uint32_t *character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* by length */
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t value = bytes[0];
    *character = value;
    if (value < 0x80)
        return 1;
    size_t length = value >= 0xf0 ? 4 : value >= 0xe0 ? 3 : 2;
    value &= 0x7fu >> length;
    *character = LC__TEXT_REPLACEMENT;
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 1;
        value = value << 6 | (bytes[i] & 0x3f);
    }
    bool surrogate = value >= 0xd800 && value < 0xe000;
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4 || value < least[length] || value > 0x10ffff ||
        surrogate)
        return 1;
    *character = value;
    return length;
}

void lc__text_encode(char encoded[static 5], uint32_t character)
{
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0}; /* by length */
    size_t length = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    encoded[length] = '\0';
    for (size_t i = length - 1; i > 0; i--, character >>= 6)
        encoded[i] = (char)(0x80 | (character & 0x3f));
    encoded[0] = (char)(leads[length] | character);
}

bool lc__text_acts(uint32_t character)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     /* controls */
        {0x061c, 0x061c}, {0x200e, 0x200f}, /* marks of direction */
        {0x2028, 0x202e}, {0x2066, 0x2069}, /* separators; embeddings, overrides and isolates */
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    return false;
}
