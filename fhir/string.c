/* string.c - how strings are compared: case and accents do not count (R4, search, string). */
#include "fhir/index.h"

#include "runtime/base/text.h"

/* The letter under the accents of U+00C0..U+024F and U+1E00..U+1EFF (canonical decompositions of
 * the Unicode character database); a space: it stands for itself. */
static const char latin_base[] =
    "aaaaaa ceeeeiiiidnooooo ouuuuy  aaaaaa ceeeeiiiidnooooo ouuuuy yaaaaaaccccccccdd"
    "ddeeeeeeeeeegggggggghhhhiiiiiiiiii  jjkkkllllll  llnnnnnnnnnoooooo  rrrrrrssssss"
    "ssttttttuuuuuuuuuuuuwwyyyzzzzzzs                                oo             u"
    "u                            aaiioouuuuuuuuuu aaaa    ggkkoooo  j   gg  nnaa    "
    "aaaaeeeeiiiioooorrrruuuusstt  hh      aaeeooooooooyy                            ";
static const char latin_additional_base[] =
    "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnnoooo"
    "oooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzzhtwy s    "
    "aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuu"
    "uuyyyyyyyy      ";

/* Letters that fold to two. */
static const struct {
    uint32_t cp;
    const char *base;
} pairs[] = {
    {0xc6, "ae"},  {0xde, "th"},  {0xdf, "ss"},  {0xe6, "ae"},   {0xfe, "th"},  {0x132, "ij"},
    {0x133, "ij"}, {0x152, "oe"}, {0x153, "oe"}, {0x1c4, "dz"},  {0x1c5, "dz"}, {0x1c6, "dz"},
    {0x1c7, "lj"}, {0x1c8, "lj"}, {0x1c9, "lj"}, {0x1ca, "nj"},  {0x1cb, "nj"}, {0x1cc, "nj"},
    {0x1f1, "dz"}, {0x1f2, "dz"}, {0x1f3, "dz"}, {0x1e9e, "ss"},
};

static void add_utf8(struct buf *out, uint32_t cp)
{
    char s[4];
    size_t n = 0;
    if (cp < 0x80) {
        s[n++] = (char)cp;
    } else if (cp < 0x800) {
        s[n++] = (char)(0xc0 | cp >> 6);
        s[n++] = (char)(0x80 | (cp & 0x3f));
    } else if (cp < 0x10000) {
        s[n++] = (char)(0xe0 | cp >> 12);
        s[n++] = (char)(0x80 | (cp >> 6 & 0x3f));
        s[n++] = (char)(0x80 | (cp & 0x3f));
    } else {
        s[n++] = (char)(0xf0 | cp >> 18);
        s[n++] = (char)(0x80 | (cp >> 12 & 0x3f));
        s[n++] = (char)(0x80 | (cp >> 6 & 0x3f));
        s[n++] = (char)(0x80 | (cp & 0x3f));
    }
    buf_add(out, s, n);
}

/* Lower case of Greek and Cyrillic, the other alphabets with case that names come in. */
static uint32_t lower_other(uint32_t cp)
{
    if ((cp >= 0x391 && cp <= 0x3a9 && cp != 0x3a2) || (cp >= 0x410 && cp <= 0x42f))
        return cp + 32;
    return cp >= 0x400 && cp <= 0x40f ? cp + 80 : cp;
}

static void add_folded(struct buf *out, uint32_t cp)
{
    char base = ' ';
    if (cp >= 0x300 && cp <= 0x36f) /* combining marks */
        return;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
        if (pairs[i].cp == cp) {
            buf_adds(out, pairs[i].base);
            return;
        }
    if (cp >= 0xc0 && cp < 0x250)
        base = latin_base[cp - 0xc0];
    else if (cp >= 0x1e00 && cp < 0x1f00)
        base = latin_additional_base[cp - 0x1e00];
    if (base != ' ')
        buf_addch(out, base);
    else
        add_utf8(out, lower_other(cp));
}

void fhir_string_normalize(struct buf *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        if ((unsigned char)s[i] < 0x80) {
            buf_addch(out, ascii_lower(s[i++]));
            continue;
        }
        uint32_t cp;
        i += utf8_decode(s + i, len - i, &cp);
        add_folded(out, cp);
    }
}

static bool in_word(char c)
{
    return ascii_isalnum(c) || (unsigned char)c >= 0x80 || c == '\'';
}

size_t fhir_string_next_word(const char *norm, size_t len, size_t at)
{
    if (at == SIZE_MAX)
        return 0;
    for (size_t i = at + 1; i < len; i++)
        if (in_word(norm[i]) && !in_word(norm[i - 1]))
            return i;
    return SIZE_MAX;
}
