/*
 * listed.c: what is not simulated is listed in CONTRIBUTING.md, and nothing else is.
 */
#include "support/check.h"
#include "support/mode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADING "| test | why it is not simulated |\n| --- | --- |\n"

/* The lines below the heading, up to the end of the table, for free; NULL: there are none. */
static char *read_table(void)
{
    enum { SIZE = 65536 };
    FILE *file = fopen(CHECK_SOURCE_DIR "/CONTRIBUTING.md", "r");
    char *text = calloc(1, SIZE);
    if (!file || !text)
        abort();
    size_t size = fread(text, 1, SIZE - 1, file);
    fclose(file);
    const char *heading = size > 0 ? strstr(text, HEADING) : NULL;
    const char *rows = heading ? heading + sizeof HEADING - 1 : NULL;
    const char *end = rows ? strstr(rows, "\n\n") : NULL;
    char *table = end ? strndup(rows, (size_t)(end - rows)) : NULL;
    free(text);
    return table;
}

static bool is_listed(const char *table, const char *name)
{
    char row[256];
    snprintf(row, sizeof row, "| %s | ", name);
    return strstr(table, row) != NULL;
}

static unsigned count_rows(const char *table)
{
    unsigned rows = 1;
    for (; *table; table++)
        rows += *table == '\n';
    return rows;
}

static void what_is_not_simulated_is_listed(void)
{
    char *table = read_table();
    unsigned found = 0;
    CU_ASSERT_PTR_NOT_NULL(table);
    for (const struct check_modal_suite *suite = check_modal_suites(); suite && table;
         suite = suite->next) {
        for (const struct check_modal_test *test = suite->tests; test->name; test++) {
            bool listed = is_listed(table, test->name);
            if (listed == check_runs_in(test, CHECK_SIMULATED))
                printf("\n  %s: %s ", listed ? "is simulated, but listed" : "is not listed",
                       test->name);
            CU_ASSERT_NOT_EQUAL(listed, check_runs_in(test, CHECK_SIMULATED));
            found += listed;
        }
    }
    CU_ASSERT_EQUAL(found, table ? count_rows(table) : 1);
    free(table);
}

CHECK_SUITE(simulation_listed, "simulation: what is not simulated",
            {"it is listed in CONTRIBUTING.md, with why", what_is_not_simulated_is_listed});
