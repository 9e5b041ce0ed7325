/* What cppcheck must know of jansson without its headers. */
#define json_array_foreach(array, index, value)                                                    \
    for (index = 0; (value = json_array_get(array, index)); index++)
#define json_object_foreach(object, key, value)                                                    \
    for (key = json_object_iter_key(object); (value = json_object_get(object, key));)
#define json_object_foreach_safe(object, tmp, key, value) json_object_foreach(object, key, value)
