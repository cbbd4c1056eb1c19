/*
 * program.c: isolates with code of a shared object. See lc_isolate_spawn_uri.
 */
#include "base/memory.h"
#include "base/options.h"
#include "base/task.h"
#include "isolate/message.h"

#include <lifecycle/isolate.h>
#include <lifecycle/manager.h>

#include <bsd/string.h>
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdalign.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* The shared object and the entry that a URI names. */
struct program_place {
    char *object; /* NULL: no memory */
    const char *entry;
};

/* The arguments of the entry. They live until the isolate has ended. */
struct program {
    const lc_isolate_program *exported;
    lc_message *first;
    int count;
    char *arguments[]; /* and NULL */
};

/* ---- the URI ---- */

static int hex_digit_value(char digit)
{
    return isdigit((unsigned char)digit) ? digit - '0' : tolower((unsigned char)digit) - 'a' + 10;
}

/* Replaces each %XX by the byte it stands for. @return false: there is a zero byte. */
static bool uri_decode(char *text)
{
    bool whole = true;
    char *to = text;
    for (const char *from = text; *from; from++) {
        bool escaped =
            from[0] == '%' && isxdigit((unsigned char)from[1]) && isxdigit((unsigned char)from[2]);
        *to = escaped ? (char)(hex_digit_value(from[1]) * 16 + hex_digit_value(from[2])) : *from;
        whole &= *to++ != '\0';
        from += escaped ? 2 : 0;
    }
    *to = '\0';
    return whole;
}

/* Skips the authority of a URI. @return the rest; NULL: the authority is another host. */
static const char *uri_skip_authority(const char *path)
{
    if (strncmp(path, "//", 2) != 0)
        return path;
    const char *authority = path + 2;
    size_t length = strcspn(authority, "/#");
    bool is_here = length == 0 || (length == strlen("localhost") &&
                                   strncasecmp(authority, "localhost", length) == 0);
    return is_here ? authority + length : NULL;
}

static lc_error *uri_no_memory(const char *uri)
{
    return lc_error_new(-ENOMEM, "no memory to spawn from \"%s\"", uri);
}

/* Splits the URI into a path and an entry. @return what is wrong with it, or NULL. */
static lc_error *uri_parse(const char *uri, struct program_place *place)
{
    bool is_file = strncmp(uri, "file:", strlen("file:")) == 0;
    const char *path = is_file ? uri_skip_authority(uri + strlen("file:")) : uri;
    if (!path)
        return lc_error_new(-EINVAL,
                            "\"%s\" is of another host: the authority of a file is empty, or "
                            "localhost",
                            uri);
    *place = (struct program_place){lc__duplicate(path), LC_ISOLATE_PROGRAM_DEFAULT};
    if (!place->object)
        return uri_no_memory(uri);
    char *fragment = strrchr(place->object, '#');
    if (fragment) {
        *fragment = '\0';
        place->entry = fragment + 1;
    }
    if (is_file && !uri_decode(place->object))
        return lc_error_new(-EINVAL, "the path of \"%s\" has a zero byte, %%00, in it", uri);
    if (!place->object[0])
        return lc_error_new(-EINVAL,
                            "\"%s\" has no path: it is to name a shared object, not the program "
                            "itself",
                            uri);
    return NULL;
}

/* ---- the object ---- */

/*
 * Refuses a file that is not regular: the open of a FIFO, for example, waits for its other end.
 * dlopen() searches for a name without a slash, and reports a file that is missing.
 */
static lc_error *object_check_file(const char *path)
{
    struct stat found;
    if (!strchr(path, '/') || stat(path, &found) < 0 || S_ISREG(found.st_mode))
        return NULL;
    return lc_error_new(-EINVAL, "\"%s\" is no regular file: a shared object is one", path);
}

/* Checks the size and type of the symbol, before any of its bytes is read. */
static lc_error *object_check_symbol(const struct program_place *place, const void *found)
{
    Dl_info info;
    void *entry = NULL;
    if (!dladdr1(found, &info, &entry, RTLD_DL_SYMENT) || !entry || info.dli_saddr != found)
        return lc_error_new(-ENOEXEC,
                            "the symbol \"%s\" of \"%s\" is no object: define it by "
                            "LC_ISOLATE_PROGRAM",
                            place->entry, place->object);
    const ElfW(Sym) *symbol = entry;
    int type = ELF64_ST_TYPE(symbol->st_info); /* the same in ELF32 */
    if (type != STT_OBJECT || symbol->st_size < sizeof(lc_isolate_program))
        return lc_error_new(
            -ENOEXEC,
            "the symbol \"%s\" of \"%s\" is of type %d and %llu bytes, not an object "
            "of %zu bytes: define it by LC_ISOLATE_PROGRAM",
            place->entry, place->object, type, (unsigned long long)symbol->st_size,
            sizeof(lc_isolate_program));
    if ((uintptr_t)found % alignof(lc_isolate_program) != 0)
        return lc_error_new(-ENOEXEC,
                            "the symbol \"%s\" of \"%s\" is not aligned to %zu bytes: define it by "
                            "LC_ISOLATE_PROGRAM",
                            place->entry, place->object, alignof(lc_isolate_program));
    return NULL;
}

static lc_error *object_check_program(const struct program_place *place,
                                      const lc_isolate_program *found)
{
    if (!found)
        return lc_error_new(-ENOENT, "the shared object \"%s\" has no entry \"%s\"", place->object,
                            place->entry);
    lc_error *error = object_check_symbol(place, found);
    if (error)
        return error;
    if (found->size != sizeof *found || found->version != LC_ISOLATE_PROGRAM_VERSION)
        return lc_error_new(-ENOEXEC,
                            "the entry \"%s\" of the shared object \"%s\" is of version %u and "
                            "%u bytes, not of version %u and %zu bytes: compile it again",
                            place->entry, place->object, found->version, found->size,
                            LC_ISOLATE_PROGRAM_VERSION, sizeof *found);
    if (!found->entry)
        return lc_error_new(-ENOEXEC, "the entry \"%s\" of the shared object \"%s\" is NULL",
                            place->entry, place->object);
    return NULL;
}

/* dlopen() has no error codes. It leaves errno as the call that failed in it has set it. */
static lc_error *object_load_error(const struct program_place *place)
{
    int code = errno == ENOMEM ? -ENOMEM : -ENOENT;
    const char *why = dlerror(); /* NULL: there was no memory for the text */
    return lc_error_new(code, "the shared object \"%s\" could not be loaded: %s", place->object,
                        why ? why : strerror(ENOMEM));
}

static lc_error *object_find_program(const struct program_place *place,
                                     const lc_isolate_program **exported)
{
    lc_error *error = object_check_file(place->object);
    if (error)
        return error;
    dlerror();
    errno = 0;
    /* Never unloaded: messages may carry `destroy` functions of the object. */
    void *object = dlopen(place->object, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!object)
        return object_load_error(place);
    *exported = dlsym(object, place->entry);
    error = object_check_program(place, *exported);
    dlclose(object);
    return error;
}

/* ---- the isolate ---- */

static void program_free(void *arg)
{
    struct program *program = arg;
    for (int i = 0; i < program->count; i++)
        lc__free(program->arguments[i]);
    lc_message_free(program->first);
    lc__free(program);
}

static struct program *program_make(const lc_isolate_program *exported, int count,
                                    const char *const *arguments, const lc_payload *first)
{
    struct program *program =
        lc__allocate(sizeof *program + ((size_t)count + 1) * sizeof program->arguments[0]);
    if (!program)
        return NULL;
    program->exported = exported;
    for (; program->count < count; program->count++) {
        program->arguments[program->count] = lc__duplicate(arguments[program->count]);
        if (!program->arguments[program->count])
            break;
    }
    if (program->count == count && first)
        program->first = lc__message_new(LC_NO_PORT, first);
    if (program->count == count && (program->first || !first))
        return program;
    program_free(program);
    return NULL;
}

static lc_error *program_enter(void *arg)
{
    struct program *program = arg;
    return program->exported->entry(program->count, program->arguments, program->first);
}

static lc_error *program_spawn(struct program *program, const lc_isolate_options *given,
                               const struct program_place *place, lc_isolate *isolate)
{
    const char *slash = strrchr(place->object, '/');
    char name[LC_NAME_MAX + 1];
    strlcpy(name, slash && slash[1] ? slash + 1 : place->object, sizeof name);
    lc_isolate_group_options of_group = {.size = sizeof of_group};
    of_group.name = name;
    of_group.executor = given->executor;
    lc_isolate_options options = *given;
    lc_error *error = lc_isolate_group_new(&of_group, &options.group);
    if (error)
        return error;
    options.name = given->name ? given->name : name;
    options.entry = program_enter;
    options.arg = program;
    options.release = program_free;
    options.executor = NULL;
    error = lc_isolate_spawn(&options, isolate);
    lc_isolate_group_unref(options.group);
    return error;
}

static lc_error *program_check(const char *uri, int count, const char *const *arguments,
                               const lc_payload *first, const lc_isolate_options *options)
{
    if (!uri || !uri[0])
        return lc_error_new(-EINVAL, "lc_isolate_spawn_uri needs a URI");
    if (options->entry || options->arg || options->release || options->group)
        return lc_error_new(-EINVAL,
                            "the options for \"%s\" have an entry, arg, release or group, "
                            "which are the shared object's",
                            uri);
    if ((unsigned)options->when_full > LC_FULL_PARK_SENDER)
        return lc_error_new(-EINVAL,
                            "the options for \"%s\" have a when_full of %d, not one of LC_FULL_...",
                            uri, (int)options->when_full);
    if (count < 0 || (count > 0 && !arguments))
        return lc_error_new(-EINVAL, "\"%s\" cannot be given %d arguments", uri, count);
    for (int i = 0; i < count; i++)
        if (!arguments[i])
            return lc_error_new(-EINVAL, "argument %d for \"%s\" is NULL", i, uri);
    if (lc__payload_check(first) < 0)
        return lc_error_new(-EINVAL, "the first message for \"%s\" has bytes that are NULL", uri);
    return NULL;
}

lc_error *lc_isolate_spawn_uri(const char *uri, int count, const char *const *arguments,
                               const lc_payload *first, const lc_isolate_options *given,
                               lc_isolate *isolate)
{
    lc__task_check();
    lc_isolate_options options;
    lc_error *error = lc__options_read(&options, sizeof options, given, "lc_isolate_options");
    if (!error)
        error = program_check(uri, count, arguments, first, &options);
    if (error)
        return error;
    struct program_place place = {NULL, NULL};
    const lc_isolate_program *exported = NULL;
    error = uri_parse(uri, &place);
    if (!error && place.object)
        error = object_find_program(&place, &exported);
    struct program *program =
        error || !exported ? NULL : program_make(exported, count, arguments, first);
    if (!error && !program)
        error = uri_no_memory(uri);
    lc__task_shield(); /* until the program is freed, or the isolate owns it */
    if (program)
        error = program_spawn(program, &options, &place, isolate);
    lc__task_unshield();
    if (program && error) {
        lc__message_disown(program->first); /* the payload stays the caller's */
        program->first = NULL;
        program_free(program);
    }
    lc__free(place.object);
    return error;
}
