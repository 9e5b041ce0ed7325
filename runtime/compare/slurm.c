/*
 * slurm.c - a matrix as a Slurm job array.
 *
 * What the script does is what has been seen to go wrong without it: a restart appends to the log; the
 * time limit's signal reaches the run, which stops as after ctrl-C; a stopped cell goes back into the
 * queue after a signal or an outage and never after a budget, a bounded number of times; the gathering
 * job waits for the array's end whatever became of its tasks (afterok would wait for ever after one
 * failure) and its tables say what is missing; a cell's journal is on the node's own disk, because LMDB
 * on a network file system loses answers, and is copied back when the task ends.
 */
#include "runtime/compare/slurm.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/compare/cells.h"

/* For a shell, in single quotes. */
static void quote(const char *s, FILE *out)
{
    fputc('\'', out);
    for (; *s; s++)
        if (*s == '\'')
            fputs("'\\''", out);
        else
            fputc(*s, out);
    fputc('\'', out);
}

/* "1-4,7": the numbers of the cells that are not done. */
static size_t print_numbers(const struct matrix *m, FILE *out)
{
    size_t n = 0, from = 0;
    for (size_t i = 0; i <= m->n; i++) {
        struct cell_status s = {.state = CELL_DONE};
        if (i < m->n)
            cell_status(m, &m->v[i], &s);
        bool open = s.state != CELL_DONE;
        if (open && !from)
            from = i + 1;
        if (!open && from) {
            fprintf(out, i > from ? "%s%zu-%zu" : "%s%zu", n ? "," : "", from, i);
            n += i - from + 1;
            from = 0;
        }
    }
    return n;
}

int slurm_print(const struct matrix *m, FILE *out)
{
    char *dir = realpath(m->dir, NULL), self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *numbers = NULL;
    size_t size = 0;
    FILE *text = open_memstream(&numbers, &size);
    if (!dir || len < 0 || !text) {
        if (text)
            fclose(text);
        free(numbers);
        free(dir);
        return err_set_errno(GRASP_EIO, "cannot resolve '%s'", m->dir);
    }
    self[len] = '\0';
    size_t open = print_numbers(m, text);
    fclose(text);
    if (!open) {
        free(numbers);
        free(dir);
        return err_set(GRASP_EINVAL,
                       "every cell of %s is done: 'grasp compare %s' prints the tables", m->dir,
                       m->dir);
    }
    fprintf(
        out,
        "#!/bin/sh\n"
        "# %zu of the %zu cells of the matrix, a task each. Submit it, and the tables after it:\n"
        "#     id=$(sbatch --parsable THIS) && sbatch --dependency=afterany:$id --wrap \"$GRASP "
        "compare $MATRIX\"\n"
        "#SBATCH --job-name=grasp\n"
        "#SBATCH --array=%s\n"
        "#SBATCH --cpus-per-task=1\n"
        "#SBATCH --requeue\n"
        "#SBATCH --open-mode=append\n"
        "#SBATCH --signal=B:TERM@60\n"
        "#SBATCH --output=%s/slurm-%%a.log\n",
        open, m->n, numbers, dir);
    fputs("GRASP=${GRASP:-", out);
    quote(self, out);
    fputs("}\nMATRIX=", out);
    quote(dir, out);
    fputs(
        "\n"
        "cell=$SLURM_ARRAY_TASK_ID\n"
        "# the journal: on this node while the task runs, kept beside the cell\n"
        "kept=$MATRIX/journals/$cell\n"
        "near=${SLURM_TMPDIR:-${TMPDIR:-/tmp}}/grasp-$SLURM_ARRAY_JOB_ID-$cell\n"
        "mkdir -p \"$MATRIX/journals\"\n"
        "rm -rf \"$near\"\n"
        "[ ! -d \"$kept\" ] || cp -R \"$kept\" \"$near\" || exit 1\n"
        "pid=\n"
        "trap '[ -z \"$pid\" ] || kill -TERM \"$pid\"' TERM # at once only while sh waits\n"
        "\"$GRASP\" compare \"$MATRIX\" --only \"$cell\" --journal \"$near\" &\n"
        "pid=$!\n"
        "wait \"$pid\"; rc=$?\n"
        "while kill -0 \"$pid\" 2>/dev/null; do wait \"$pid\"; rc=$?; done\n"
        "if [ -d \"$near\" ]; then\n"
        "    rm -rf \"$kept.new\" && cp -R \"$near\" \"$kept.new\" && rm -rf \"$kept\" &&\n"
        "        mv \"$kept.new\" \"$kept\" && rm -rf \"$near\"\n"
        "fi\n"
        "# 3: it can go on. After a budget it is a person who decides whether it does.\n"
        "if [ \"$rc\" = 3 ] && [ \"${SLURM_RESTART_COUNT:-0}\" -lt 20 ] &&\n"
        "    [ \"$(\"$GRASP\" compare \"$MATRIX\" --only \"$cell\" --status)\" != budget ]; then\n"
        "    echo \"cell $cell goes back into the queue\"\n"
        "    scontrol requeue \"${SLURM_ARRAY_JOB_ID}_$cell\"\n"
        "    sleep 60 # the requeue ends this shell\n"
        "fi\n"
        "exit \"$rc\"\n",
        out);
    free(numbers);
    free(dir);
    return 0;
}
