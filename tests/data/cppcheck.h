/* What cppcheck must know of macros whose headers it does not read: jansson's loops, sys/queue.h.
 */
#define json_array_foreach(array, index, value)                                                    \
    for (index = 0; (value = json_array_get(array, index)); index++)
#define json_object_foreach(object, key, value)                                                    \
    for (key = json_object_iter_key(object); (value = json_object_get(object, key));)
#define json_object_foreach_safe(object, tmp, key, value) json_object_foreach (object, key, value)
#define SLIST_HEAD(name, type)                                                                     \
    struct name {                                                                                  \
        struct type *first;                                                                        \
    }
#define TAILQ_HEAD(name, type) SLIST_HEAD(name, type)
#define SLIST_ENTRY(type)                                                                          \
    struct {                                                                                       \
        struct type *next;                                                                         \
    }
#define TAILQ_ENTRY(type)               SLIST_ENTRY(type)
#define LIST_HEAD(name, type)           SLIST_HEAD(name, type)
#define LIST_ENTRY(type)                SLIST_ENTRY(type)
#define SLIST_FOREACH(var, head, field) for (var = (head)->first; var; var = var->field.next)
#define TAILQ_FOREACH(var, head, field) SLIST_FOREACH (var, head, field)
#define LIST_FOREACH(var, head, field)  SLIST_FOREACH (var, head, field)
