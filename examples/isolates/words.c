/*
 * words.c: what a word is: bytes without white space between them, as POSIX says of wc(1). White
 * space is that of the POSIX locale, whatever the user's: no byte of a longer UTF-8 character is
 * taken for it.
 */
#include "isolates.h"

static bool is_space(unsigned char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

void words_add(struct words *words, const unsigned char *bytes, size_t size)
{
    unsigned inside = words->inside;
    uint64_t begun = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned now = !is_space(bytes[i]);
        begun += now & ~inside; /* a branch at each end of a word would often be guessed wrong */
        inside = now;
    }
    words->count += begun;
    words->inside = inside;
}
