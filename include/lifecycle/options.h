/*
 * options.h: structs of options. Each begins with its size, and zero means the default in each
 * field. Each has a macro that makes a pointer to one, for a call:
 *
 *     lc_service_main(LC_SERVICE(.name = "greeter", .nodes = LC_NODES(...)));
 *
 * The struct lives as a compound literal does: in C to the end of the block, in C++ to the end of
 * the full expression. A call copies what it keeps. The macros need C11 or C++20. In C++17, or to
 * fill options step by step, use a variable: `lc_node node = {.size = sizeof node};` or, in C++17,
 * `lc_node node{}; node.size = sizeof node;`.
 *
 * C++20 allows less than C does. Designators come in the order in which the header declares the
 * fields. A designator names one field: write `.backoff = {.first = LC_SECOND}` instead of
 * `.backoff.first = LC_SECOND`, and `.needs = {"a", "b"}` instead of `.needs[1] = "b"`. A `void *`
 * becomes another pointer only by a cast, and so does a pointer to const that is given as an `arg`.
 * The order of the fields does not change before a new major version.
 *
 * The size lets a program and the library be of different versions, because a later version only
 * adds fields, at the end. For a program that was compiled with an older header, the later fields
 * have their defaults. A program that was compiled with a newer header works with an older library
 * if the fields that this library does not know are zero; otherwise the call fails with -EINVAL,
 * and the error says so.
 */
#ifndef LIFECYCLE_OPTIONS_H
#define LIFECYCLE_OPTIONS_H

#ifdef __cplusplus
/*
 * g++ warns of each field that braces with designators leave out (-Wmissing-field-initializers). It
 * does not warn for macros of a system header.
 */
#pragma GCC system_header
#endif

#include <stddef.h>
#include <stdint.h>

/** The size of the element that ends a list of structs. */
#define LC_LIST_END SIZE_MAX

/** In a numeric field where 0 means the default: none (no pause, no jitter, no limit). */
#define LC_NONE (-1)

#ifndef __cplusplus

/** A pointer to options: LC_OPTIONS(lc_node, .name = "store"). LC_NODE does this for lc_node. */
#define LC_OPTIONS(type, ...) (&(const type){.size = sizeof(type), __VA_ARGS__})
/** A list of pointers to options, at least one; NULL ends it. */
#define LC_OPTIONS_LIST(type, ...) ((const type *const[]){__VA_ARGS__, NULL})
/**
 * A list of structs, at least one, each in braces. A first element is added that only tells the
 * size of an element, and a last one with the size LC_LIST_END.
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

/* Before C++20 the use of a macro gives one error, of this name. */
#define LC_OPTIONS(type, ...) lc_macros_of_options_need_cplusplus_20
#define LC_OPTIONS_LIST(type, ...) lc_macros_of_options_need_cplusplus_20
#define LC_STRUCT_LIST(type, ...) lc_macros_of_options_need_cplusplus_20

#endif

#endif
