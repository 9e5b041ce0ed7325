# in_flight.awk - where the time of a run goes, out of its journal: lines "BEGIN END PHASE" (seconds), one
# a call. Prints the share of the time in which four calls or fewer were in flight, and the seconds of
# each phase with, in brackets, those of them. What is the writer's counts as such, then dev, then
# probes, whatever else is in flight beside it (and that may have been asked ahead).
function phase() {
    if (n["classify"]) return "classify"
    if (n["diagnose"]) return "diagnose"
    if (n["propose"]) return "propose"
    if (n["revise"]) return "revise"
    if (n["rollout_dev"]) return "dev"
    if (n["rollout_probe"]) return "probes"
    return all ? "val, tests" : "nothing"
}
{ printf "%.6f 1 %s\n%.6f -1 %s\n", $1, $3, $2, $3 | "sort -n >" events }
END {
    close("sort -n >" events)
    while ((getline line <events) > 0) {
        split(line, e, " ")
        if (seen) {
            spent[phase()] += e[1] - at
            if (all <= 4) { few[phase()] += e[1] - at; low += e[1] - at }
            total += e[1] - at
        }
        seen = 1; at = e[1]; n[e[3]] += e[2]; all += e[2]
    }
    printf "      four or fewer in flight %2.0f %% of %.1f s:", 100 * low / total, total
    count = split("dev classify diagnose propose probes revise val,_tests nothing", order, " ")
    for (i = 1; i <= count; i++) {
        sub("_", " ", order[i])
        printf "  %s %.1f (%.1f)", order[i], spent[order[i]], few[order[i]]
    }
    print ""
}
