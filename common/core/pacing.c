/* SPDX-License-Identifier: MIT */
/* Each due time is computed from the tick's number, not from the due time before it. */
#include "pacing.h"

#include "clock.h"

__extension__ typedef unsigned __int128 uint128; /* tick * 10^9 * den is more than 64 bits */

void pacing_init(struct pacing *pacing, uint32_t num, uint32_t den, int64_t now_ns)
{
    *pacing = (struct pacing){.num = num, .den = den, .start_ns = now_ns};
}

void pacing_change_rate(struct pacing *pacing, uint32_t num, uint32_t den, int64_t start_ns)
{
    uint64_t skipped = pacing->skipped;

    pacing_init(pacing, num, den, start_ns);
    pacing->skipped = skipped;
}

int64_t pacing_due_ns(const struct pacing *pacing, uint64_t tick)
{
    uint128 ns = (uint128)tick * (uint64_t)NS_PER_S * pacing->den / pacing->num;

    return pacing->start_ns + (int64_t)ns;
}

int64_t pacing_next_ns(struct pacing *pacing, int64_t now_ns)
{
    if (!pacing->num)
        return now_ns;
    int64_t due_ns = pacing_due_ns(pacing, pacing->tick);
    if (pacing_due_ns(pacing, pacing->tick + 1) <= now_ns) {
        uint64_t elapsed_ns = (uint64_t)(now_ns - pacing->start_ns);
        uint64_t current =
            (uint64_t)((uint128)elapsed_ns * pacing->num / ((uint128)NS_PER_S * pacing->den));
        pacing->skipped += current - pacing->tick;
        pacing->tick = current;
    }
    pacing->tick++;
    return due_ns;
}
