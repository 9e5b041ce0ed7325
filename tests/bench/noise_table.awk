# The rows of noise.sh as a table: means and standard deviations over seeds, and the difference to the
# rule `base` over all held-out tasks (64 of id_test, 60 of test), paired by seed.
NF == 13 {
    cell = $1 " " $2 " " $3 " " $4
    if (!(cell in n)) order[++cells] = cell
    n[cell]++
    for (i = 6; i <= 13; i++) { sum[cell, i] += $i; squares[cell, i] += $i * $i }
    held[cell, $5] = (64 * $6 + 60 * $7) / 124
    seeds[$5]
}
function mean(c, i) { return sum[c, i] / n[c] }
function sd(c, i,   v) {
    v = n[c] > 1 ? (squares[c, i] - sum[c, i] ^ 2 / n[c]) / (n[c] - 1) : 0
    return sqrt(v > 0 ? v : 0)
}
END {
    print "set  noise rule     t   seeds  best id (sd)   best test (sd)  last id  last test  good useless harmful   calls   against " base
    for (k = 1; k <= cells; k++) {
        c = order[k]; split(c, p, " "); against = p[1] " " p[2] " " base " " p[4]
        m = s = q = 0
        for (seed in seeds) if ((c SUBSEP seed) in held && (against SUBSEP seed) in held) {
            d = held[c, seed] - held[against, seed]; m++; s += d; q += d * d
        }
        printf "%-4s %-5s %-8s %-3s %5d  %5.1f (%4.1f)   %5.1f (%4.1f)    %5.1f    %5.1f      %4.1f %7.1f %7.1f %7.0f", p[1], p[2], p[3], p[4],
            n[c], mean(c, 6), sd(c, 6), mean(c, 7), sd(c, 7), mean(c, 8), mean(c, 9), mean(c, 10), mean(c, 11), mean(c, 12), mean(c, 13)
        if (m > 1 && c != against) printf "   %+.1f +- %.1f", s / m, sqrt((q - s * s / m) / (m - 1) / m)
        print ""
    }
}
