/*
 * options.h: how options are written. A struct of options begins with its size, and zero means the
 * default in each of its fields. A macro of its own yields a pointer to one, for a call:
 *
 *     lc_service_main(LC_SERVICE(.name = "greeter", .nodes = LC_NODES(...)));
 *
 * The struct lives as a compound literal does: in C to the end of the block, in C++ to the end of
 * the full expression. Calls copy what they keep. The macros need C11 or C++20. In C++17, or for
 * options that are filled step by step, a variable does it: `lc_node node = {.size = sizeof node};`
 * or, in C++17, `lc_node node{}; node.size = sizeof node;`.
 *
 * C++20 allows less than C does. Designators come in the order in which the header declares the
 * fields. A designator names one field: write `.backoff = {.first = LC_SECOND}` instead of
 * `.backoff.first = LC_SECOND`, and `.needs = {"a", "b"}` instead of `.needs[1] = "b"`. A `void *`
 * becomes another pointer by a cast only, and so does a pointer to const that is handed over as an
 * `arg`. The order of the fields does not change before a new major version.
 *
 * The size lets a program and the library be of different versions, because a later version only
 * adds fields, at the end. A program that was compiled against an older header has the defaults for
 * the fields it does not know. One that was compiled against a newer header works with an older
 * library as long as the fields that this library does not know are zero; otherwise the call fails
 * with -EINVAL, and says so.
 */
#ifndef LIFECYCLE_OPTIONS_H
#define LIFECYCLE_OPTIONS_H

#ifdef __cplusplus
/*
 * In C++ fields that are left out of braces with designators are no mistake either, but g++ warns
 * of each (-Wmissing-field-initializers). It does not for the macros of such a header.
 */
#pragma GCC system_header
#endif

#include <stddef.h>
#include <stdint.h>

/** The size of the element that ends a list of structs. */
#define LC_LIST_END SIZE_MAX

/** In a numeric field whose zero means a default: none of it (no pause, no jitter, no limit). */
#define LC_NONE (-1)

#ifndef __cplusplus

/** A pointer to options: LC_OPTIONS(lc_node, .name = "store"). Each type has its macro: LC_NODE. */
#define LC_OPTIONS(type, ...) (&(const type){.size = sizeof(type), __VA_ARGS__})
/** A list of pointers to options, at least one; NULL ends it. */
#define LC_OPTIONS_LIST(type, ...) ((const type *const[]){__VA_ARGS__, NULL})
/**
 * A list of structs, at least one, each in braces. The first element, which has no use of its own,
 * tells the size of all, and the size of the last is LC_LIST_END.
 */
#define LC_STRUCT_LIST(type, ...)                                                                  \
    ((const type[]){{.size = sizeof(type)}, __VA_ARGS__, {.size = LC_LIST_END}})

#elif __cplusplus >= 202002L

extern "C++" {
template <typename lc_type>
constexpr const lc_type *lc_options_address(const lc_type &&options) noexcept
{
    return &options;
}

template <typename lc_type, size_t lc_count>
constexpr const lc_type *lc_options_first(const lc_type (&&list)[lc_count]) noexcept
{
    return list;
}
}

#define LC_OPTIONS(type, ...) lc_options_address<type>(type{.size = sizeof(type), __VA_ARGS__})
#define LC_OPTIONS_LIST(type, ...) lc_options_first<const type *>({__VA_ARGS__, nullptr})
#define LC_STRUCT_LIST(type, ...)                                                                  \
    lc_options_first<type>({{.size = sizeof(type)}, __VA_ARGS__, {.size = LC_LIST_END}})

#else

/* Before C++20 a macro that is used gives one error, of this name, which says why. */
#define LC_OPTIONS(type, ...) lc_macros_of_options_need_cplusplus_20
#define LC_OPTIONS_LIST(type, ...) lc_macros_of_options_need_cplusplus_20
#define LC_STRUCT_LIST(type, ...) lc_macros_of_options_need_cplusplus_20

#endif

#endif
