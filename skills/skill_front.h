/*
 * skill_front.h - a frontmatter as the lines that its keys stand on (private to this folder): what a
 * skill says in keys of other tools keeps its place, its type and its bytes when ours change.
 */
#ifndef GRASP_SKILLS_SKILL_FRONT_H
#define GRASP_SKILLS_SKILL_FRONT_H

#include <stdbool.h>
#include <stddef.h>

/* A key with its value: whole lines, up to the next key's; comments go with the key before them. */
struct front_block {
    char *key;
    bool inner; /* a key of `metadata`, whose own block, before it, is then only its first line */
    const char *text; /* inside the frontmatter */
    size_t len;
    size_t column;
};
struct front {
    const char *head; /* lines before the first key */
    size_t head_len;
    struct front_block *v;
    size_t n, cap;
};
/* GRASP_EPARSE when it is no map of keys with a line of their own. Release also then. */
int front_read(struct front *f, const char *text, size_t len);
void front_release(struct front *f);

#endif
