/* The log: one JSON line a call, appended with one write. compiler/driver/log.py reads it. */
#pragma once
#include "commandline.h"
#include "product.h"
#include "supervise.h"

enum {
    LINE = 64 * 1024, /* a longer line has its argv cut ... */
    CUT = 8 * 1024    /* ... to this */
};

/* Length of the valid UTF-8 sequence at `s`, or 0. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
    size_t length = s[0] < 0x80                   ? 1
                    : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
                    : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
                    : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                                  : 0;
    if (length == 0 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool outside = (s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf4 && s[1] >= 0x90);
    return overlong || outside ? 0 : length;
}

/* A JSON string. Bytes that are not UTF-8 appear as the four characters \xNN. */
static void put_json(Text *text, const char *bytes, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    put_bytes(text, "\"", 1);
    for (size_t i = 0, length; i < n; i += length ? length : 1) {
        const unsigned char *s = (const unsigned char *)bytes + i;
        length = utf8_length(s, n - i);
        if (length == 0)
            put_bytes(text, (char[]){'\\', '\\', 'x', hex[*s >> 4], hex[*s & 15]}, 5);
        else if (*s == '"' || *s == '\\')
            put_bytes(text, (char[]){'\\', (char)*s}, 2);
        else if (*s == '\n')
            put_bytes(text, "\\n", 2);
        else if (*s < 0x20 || *s == 0x7f)
            put_bytes(text, (char[]){'\\', 'u', '0', '0', hex[*s >> 4], hex[*s & 15]}, 6);
        else
            put_bytes(text, bytes + i, length);
    }
    put_bytes(text, "\"", 1);
}

static void put_field(Text *text, const char *key, const char *value)
{
    put(text, ",\"");
    put(text, key);
    put(text, "\":");
    put_json(text, value, strlen(value));
}

static void put_flag(Text *text, const char *key, bool value)
{
    put(text, ",\"");
    put(text, key);
    put(text, value ? "\":true" : "\":false");
}

static void put_integer(Text *text, const char *key, long long value)
{
    put(text, ",\"");
    put(text, key);
    put(text, "\":");
    put_number(text, value);
}

/* An array of strings, no longer than `room` bytes; returns whether some had to be left out. */
static bool put_array(Text *text, const char *key, char *const *words, size_t room)
{
    size_t start = text->n;
    put(text, ",\"");
    put(text, key);
    put(text, "\":[");
    char *const *word = words;
    for (; *word && text->n - start < room; word++) {
        if (word != words)
            put(text, ",");
        put_json(text, *word, strlen(*word));
    }
    put(text, "]");
    return *word != NULL;
}

/* One line of the log. */
typedef struct {
    const char *id, *parent, *role, *compiler, *engine, *call, *name, *cwd;
    const Command *command;
    char *const *argv;
    const Outcome *outcome; /* NULL for an engine, which is logged as it starts */
    const Product *product;
} Entry;

static void put_outcome(Text *text, const Outcome *outcome)
{
    const struct rusage *usage = &outcome->usage;
    put(text, ",\"seconds\":");
    put_seconds(text, outcome->ended - outcome->started);
    put(text, ",\"cpu\":");
    put_seconds(text, (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * SECOND +
                          (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1000);
    put_integer(text, "peak_kib", usage->ru_maxrss);
    bool signalled = WIFSIGNALED(outcome->status);
    if (signalled)
        put(text, ",\"exit\":null");
    else
        put_integer(text, "exit", WEXITSTATUS(outcome->status));
    if (signalled)
        put_integer(text, "signal", WTERMSIG(outcome->status));
    else
        put(text, ",\"signal\":null");
    put_flag(text, "timeout", outcome->timeout);
    put_field(text, "limit", outcome->limit);
    Text messages = {0};
    put_bytes(&messages, outcome->kept.n ? outcome->kept.at : "", outcome->kept.n);
    /* The telling line where the kept part does not hold all of it. */
    if (outcome->level && outcome->telling_at + strlen(outcome->telling) > KEPT) {
        put(&messages, "\n[...]\n");
        put(&messages, outcome->telling);
    }
    put(text, ",\"stderr\":");
    put_json(text, messages.at, messages.n);
}

static Text line_of(const Config *config, const Entry *entry, size_t room)
{
    Text line = {0};
    const Command *command = entry->command;
    put(&line, "{\"v\":1");
    put_field(&line, "id", entry->id);
    put_field(&line, "parent", entry->parent);
    put(&line, ",\"t\":");
    put_seconds(&line, entry->outcome ? (int64_t)(entry->outcome->epoch * 1e9) : now(CLOCK_REALTIME));
    put_field(&line, "step", config->step);
    put_field(&line, "name", entry->name);
    put_field(&line, "role", entry->role);
    put_field(&line, "kind", kind_names[command->kind]);
    put_flag(&line, "links", command->links);
    put_field(&line, "makes", command->makes);
    put_field(&line, "compiler", entry->compiler);
    put_field(&line, "unit", command->unit);
    bool cut = put_array(&line, "inputs", command->inputs.n ? command->inputs.at : (char *[]){NULL}, room);
    const Product *product = entry->product;
    if (product && product->path) {
        put(&line, ",\"output\":{\"path\":");
        put_json(&line, product->path, strlen(product->path));
        put_integer(&line, "bytes", product->bytes);
        put_field(&line, "ident", product->ident);
        put_flag(&line, "elf", product->elf);
        put_integer(&line, "machine", product->machine);
        put_integer(&line, "bits", product->bits);
        put(&line, "}");
    } else
        put(&line, ",\"output\":null");
    cut = put_array(&line, "argv", entry->argv, room) || cut;
    put_flag(&line, "argv_cut", cut);
    put_field(&line, "cwd", entry->cwd);
    if (entry->outcome)
        put_outcome(&line, entry->outcome);
    put_field(&line, "engine", entry->engine);
    put_field(&line, "call", entry->call);
    put(&line, "}\n");
    return line;
}

static int log_file = -1;

/* Before anything runs: a call that cannot be logged must not happen, for its object would have no provenance. */
static void open_log(const Config *config)
{
    log_file = open(config->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (log_file < 0)
        die("cannot write the log ", config->log, strerror(errno));
}

/* Appends a line with one write, so that parallel calls do not mix. */
static void write_log(const Config *config, const Entry *entry)
{
    Text line = line_of(config, entry, SIZE_MAX);
    if (line.n > LINE)
        line = line_of(config, entry, CUT);
    ssize_t done;
    while ((done = write(log_file, line.at, line.n)) < 0 && errno == EINTR)
        ;
    if (done != (ssize_t)line.n)
        die("cannot write the log ", config->log, strerror(done < 0 ? errno : ENOSPC));
}
