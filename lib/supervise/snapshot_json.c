/*
 * snapshot_json.c: see snapshot_json.h.
 */
#include "supervise/snapshot_json.h"

#include "supervise/snapshot_put.h"

#include <inttypes.h>

static void json_put_text(FILE *out, const char *key, const char *text)
{
    fprintf(out, "\"%s\":\"", key);
    lc__snapshot_put(out, text, LC_SNAPSHOT_JSON);
    putc('"', out);
}

static const char *json_truth(bool value)
{
    return value ? "true" : "false";
}

static void json_put_error(FILE *out, const lc_error *error)
{
    fputs("\"error\":", out);
    if (!error) {
        fputs("null", out);
        return;
    }
    fprintf(out, "{\"code\":%d,", lc_error_code(error));
    json_put_text(out, "message", lc_error_message(error));
    putc('}', out);
}

static void json_put_link(FILE *out, const lc_snapshot *shown, const lc_node_link *link)
{
    putc('{', out);
    json_put_text(out, "name", shown->nodes[link->dependency].name);
    fprintf(out, ",\"condition\":\"%s\",\"restart_along\":%s,\"met\":%s}", link->condition,
            json_truth(link->restart_along), json_truth(link->met));
}

static void json_put_node(FILE *out, const lc_snapshot *shown, size_t index)
{
    const lc_node_status *node = &shown->nodes[index];
    putc('{', out);
    json_put_text(out, "name", node->name);
    fprintf(out, ",\"state\":\"%s\",\"since\":%" PRId64, lc_node_state_name(node->state),
            node->since);
    fprintf(out, ",\"instance\":%" PRIu64 ",\"restarts\":%" PRIu64 ",", node->instance,
            node->restarts);
    json_put_error(out, node->error);
    putc(',', out);
    json_put_text(out, "waits_for", node->waits_for);
    fprintf(out, ",\"overdue\":%s,", json_truth(node->overdue));
    if (node->parent == index)
        fputs("\"parent\":null", out);
    else
        json_put_text(out, "parent", shown->nodes[node->parent].name);
    fputs(",\"dependencies\":[", out);
    for (size_t i = 0; i < node->link_count; i++) {
        fputs(i > 0 ? "," : "", out);
        json_put_link(out, shown, &shown->links[node->first_link + i]);
    }
    fputs("]}", out);
}

bool lc__snapshot_print_json(FILE *out, const lc_snapshot *shown)
{
    putc('{', out);
    json_put_text(out, "name", shown->name);
    fprintf(out, ",\"time\":%" PRId64 ",\"nodes\":[", shown->time);
    for (size_t i = 0; i < shown->count; i++) {
        fputs(i > 0 ? ",\n" : "\n", out);
        json_put_node(out, shown, i);
    }
    fputs("]}\n", out);
    return true;
}
