/* driver.conf: lines of TAB-separated words, as compiler/driver/config.py describes and writes them. */
#pragma once
#include "text.h"

typedef struct {
    const char *folder; /* the tree that holds it */
    const char *log, *step, *root, *path, *seed;
    const char *other; /* the arch whose oracle is asked for; NULL for the target's */
    Words candidate, append, oracle, host;
    Words patterns, targets; /* the routes, in order */
    bool has_mix, default_oracle, oracle_links;
    double percent;
    int64_t time; /* limits: nanoseconds, bytes; 0 is none */
    unsigned long long memory, output, file;
} Config;

static void read_limit(Config *config, const Words *words)
{
    if (words->n != 3)
        die("malformed driver.conf at ", words->at[0], "limit wants a name and a number");
    const char *name = words->at[1], *value = words->at[2];
    if (strcmp(name, "seconds") == 0)
        config->time = (int64_t)(strtod(value, NULL) * 1e9);
    else if (strcmp(name, "memory") == 0)
        config->memory = strtoull(value, NULL, 10);
    else if (strcmp(name, "output") == 0)
        config->output = strtoull(value, NULL, 10);
    else if (strcmp(name, "file") == 0)
        config->file = strtoull(value, NULL, 10);
    else
        die("unknown limit in driver.conf: ", name, "");
}

static void read_key(Config *config, const Words *words)
{
    const char *key = words->at[0], *value = words->n > 1 ? words->at[1] : "";
    Words rest = {words->at + 1, words->n - 1, words->n - 1};
    if (strcmp(key, "log") == 0)
        config->log = value;
    else if (strcmp(key, "step") == 0)
        config->step = value;
    else if (strcmp(key, "root") == 0)
        config->root = value;
    else if (strcmp(key, "path") == 0)
        config->path = value;
    else if (strcmp(key, "candidate") == 0)
        config->candidate = rest;
    else if (strcmp(key, "append") == 0)
        add_all(&config->append, &rest);
    else if (strcmp(key, "oracle") == 0)
        config->oracle = rest;
    else if (starts(key, "oracle-")) {
        if (config->other && strcmp(key + 7, config->other) == 0)
            config->oracle = rest, config->other = NULL;
    } else if (strcmp(key, "host") == 0)
        config->host = rest;
    else if (strcmp(key, "limit") == 0)
        read_limit(config, words);
    else if (strcmp(key, "default") == 0)
        config->default_oracle = strcmp(value, "oracle") == 0;
    else if (strcmp(key, "linker") == 0)
        config->oracle_links = strcmp(value, "oracle") == 0;
    else if (strcmp(key, "mix") == 0 && words->n == 3) {
        config->has_mix = true;
        config->percent = strtod(value, NULL);
        config->seed = words->at[2];
    } else if (strcmp(key, "route") == 0 && words->n == 3) {
        add(&config->patterns, value);
        add(&config->targets, words->at[2]);
    } else
        die("malformed line in driver.conf: ", key, "");
}

/* Lines of words between TABs; the text is cut up in place. */
static void read_config(Config *config, char *text)
{
    char *line_end, *word_end;
    for (char *line = text; *line; line = line_end) {
        line_end = line + strcspn(line, "\n");
        if (*line_end)
            *line_end++ = 0;
        if (*line == '#' || *line == 0)
            continue;
        Words words = {0};
        for (char *word = line;; word = word_end + 1) {
            word_end = word + strcspn(word, "\t");
            bool last = *word_end == 0;
            *word_end = 0;
            add(&words, word);
            if (last)
                break;
        }
        read_key(config, &words);
    }
    if (!config->log || !config->candidate.n || !config->oracle.n)
        die("incomplete ", config->folder, "/driver.conf (log, candidate and oracle are needed)");
    if (config->other)
        die("no oracle for ", config->other, "in driver.conf");
    if (!config->step)
        config->step = "";
    if (!config->root)
        config->root = "";
    if (!config->path)
        config->path = "/usr/local/bin:/usr/bin:/bin";
    if (!config->host.n)
        config->host = config->oracle;
}
