/* yaml.h - a YAML document as a jansson value, with the line every key stood on. */
#ifndef GRASP_RUNTIME_CONFIG_YAML_H
#define GRASP_RUNTIME_CONFIG_YAML_H

#include <jansson.h>
#include <stddef.h>

/*
 * Parses one YAML 1.1 document (libyaml). Plain scalars become null, booleans, numbers or strings,
 * quoted ones strings. In every scalar ${VAR} and ${VAR:-default} are expanded from the environment
 * first; a missing variable without default is an error that names it. `lines`: an object of dotted
 * path -> line number. Bounded in depth; aliases are refused. `what` names the text in messages.
 * New references. GRASP_EPARSE with line and column.
 */
int yaml_parse(const char *text, size_t len, const char *what, json_t **out, json_t **lines);
/* The same of a file; lines may be NULL. As fs_read, too. */
int yaml_read_file(const char *path, json_t **out, json_t **lines);
/* A mapping of mappings as YAML text, two spaces a level, strings double-quoted. */
struct buf;
void yaml_render(const json_t *v, struct buf *out);

#endif
