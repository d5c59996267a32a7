/* SPDX-License-Identifier: MIT */
/* A viewer that spins notices everything that a viewer that sleeps notices. Each of these waits
 * would otherwise last until the spin ends, which counts as hanging. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "core/handoff.h"
#include "core/segment.h"
#include "core/spin.h"
#include "help_system.h"
#include "stream.h"

static void init(void)
{
    kill_after(hang_s() + 30);
    init_stream();
}

TestSuite(spin, .init = init, .fini = finish_stream);

static pthread_t spinning;
static atomic_bool is_over;

static void open_spinning(bool every_frame)
{
    struct pf_viewer_options options = {.every_frame = every_frame, .spin_ns = hang_s() * NS_PER_S};

    open_producer(2, 0);
    cr_assert_eq(pf_viewer_open(&viewer, "test", &options), 0);
    spinning = pthread_self();
    atomic_store(&is_over, false);
}

/* Acquire while another thread runs `cause`. Returns the result of the acquire. */
static int acquire_during(void *(*cause)(void *))
{
    int64_t start_ns = clock_now_ns();
    struct pf_frame frame;
    pthread_t thread;
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* only the thread that spins gets signals */
    cr_assert_eq(pthread_create(&thread, NULL, cause, NULL), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    int ret = pf_viewer_acquire(viewer, PF_FOREVER, &frame);
    atomic_store(&is_over, true);
    cr_assert_lt(clock_now_ns() - start_ns, hang_s() * NS_PER_S, "noticed after the spin");
    pthread_join(thread, NULL);
    return ret;
}

static void *end_stream(void *unused)
{
    (void)unused;
    pause_ms(20);
    pf_producer_close(producer);
    producer = NULL;
    return NULL;
}

Test(spin, is_ended_by_the_end_of_the_stream)
{
    open_spinning(false);
    cr_assert_eq(acquire_during(end_stream), -EPIPE);
    cr_assert_eq(pf_viewer_state(viewer), PF_ENDED);
}

static void *change_format(void *unused)
{
    struct pf_format larger = size(64, 50);

    (void)unused;
    pause_ms(20);
    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
    return NULL;
}

Test(spin, is_ended_by_a_format_change)
{
    open_spinning(false);
    cr_assert_eq(acquire_during(change_format), -EREMCHG);
}

static void *wake(void *unused)
{
    (void)unused;
    pause_ms(20);
    cr_assert_eq(pf_viewer_wake(viewer), 0);
    return NULL;
}

Test(spin, is_ended_by_a_wake)
{
    open_spinning(false);
    cr_assert_eq(acquire_during(wake), -EINTR);
}

/* Without a ring: a doorbell is only a hint. */
static void *evict(void *unused)
{
    struct segment segment;

    (void)unused;
    pause_ms(20);
    cr_assert_eq(segment_attach(&segment, pf_viewer_segment(viewer)->shmid, NULL), 0);
    cr_assert(handoff_evict(&segment, 0, atomic_load(&segment.viewers->lane[0].word)));
    segment_close(&segment);
    return NULL;
}

Test(spin, is_ended_by_an_eviction)
{
    open_spinning(true);
    cr_assert_eq(acquire_during(evict), -ESTALE);
}

/* Repeated, since the first one may arrive before the acquire begins. */
static void *send_signals(void *unused)
{
    (void)unused;
    while (!atomic_load(&is_over)) {
        pause_ms(10);
        pthread_kill(spinning, SIGUSR1);
    }
    return NULL;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

    alarms = 0;
    sigaction(SIGUSR1, &action, NULL);
}

Test(spin, is_ended_by_a_signal)
{
    open_spinning(false);
    catch_signals();
    cr_assert_eq(acquire_during(send_signals), -EINTR);
    cr_assert_gt(alarms, 0);
}

static _Atomic uint32_t *rung; /* endlessly, by a hostile process */

static void *ring_and_send_signals(void *unused)
{
    (void)unused;
    for (int i = 1; !atomic_load(&is_over); i++) {
        atomic_store(rung, 1);
        if (i % 100000 == 0)
            pthread_kill(spinning, SIGUSR1);
    }
    return NULL;
}

Test(spin, is_ended_by_a_signal_during_endless_rings)
{
    struct segment segment;

    open_spinning(false);
    catch_signals();
    cr_assert_eq(segment_attach(&segment, pf_viewer_segment(viewer)->shmid, NULL), 0);
    rung = &segment.viewers->lane[0].doorbell;
    cr_assert_eq(acquire_during(ring_and_send_signals), -EINTR);
    segment_close(&segment);
}

/* ------------------------------------------------------------------ the turns of a spin */

static bool is_blocked(int number)
{
    sigset_t mask;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    return sigismember(&mask, number) == 1;
}

Test(spin, blocks_signals_until_its_end_but_not_faults)
{
    static const int faults[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    struct spin spin = {0};
    sigset_t own;

    sigemptyset(&own);
    sigaddset(&own, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &own, NULL);
    cr_assert_eq(spin_turn(&spin, NS_PER_S, 1000), 0);
    bool are_blocked = is_blocked(SIGUSR1) && is_blocked(SIGINT) && is_blocked(SIGALRM);
    int fault = 0;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        fault = is_blocked(faults[i]) ? faults[i] : fault;
    spin_end(&spin); /* a failed assertion needs signals */
    cr_assert(are_blocked);
    cr_assert_eq(fault, 0, "signal %d is blocked", fault);
    cr_assert_not(is_blocked(SIGUSR1));
    cr_assert(is_blocked(SIGUSR2), "the caller's own mask");
}

Test(spin, runs_the_handler_at_the_end_of_a_turn)
{
    struct spin spin = {0};

    catch_signals();
    cr_assert_eq(spin_turn(&spin, NS_PER_S, 1000), 0);
    cr_assert_eq(spin.turn_ns, 1000 + SPIN_TURN_NS);
    raise(SIGUSR1);
    cr_assert_eq(spin_turn(&spin, NS_PER_S, spin.turn_ns - 1), 0);
    cr_assert_eq(alarms, 0, "the signal is not blocked");
    cr_assert_eq(spin_turn(&spin, NS_PER_S, spin.turn_ns), -EINTR);
    cr_assert_eq(alarms, 1);
    spin_end(&spin);
    cr_assert_eq(alarms, 1);
}

/* As in a sleep. */
Test(spin, continues_after_a_signal_that_is_ignored)
{
    struct spin spin = {0};

    cr_assert_eq(spin_turn(&spin, NS_PER_S, 1000), 0);
    raise(SIGCHLD);
    cr_assert_eq(spin_turn(&spin, NS_PER_S, spin.turn_ns), 0);
    cr_assert_eq(spin.turn_ns, 1000 + 2 * SPIN_TURN_NS);
    spin_end(&spin);
}

Test(spin, ends_after_its_time)
{
    struct spin spin = {0};

    cr_assert_eq(spin_turn(&spin, 100, 1000), 0);
    cr_assert_eq(spin.turn_ns, 1100);
    cr_assert_eq(spin_turn(&spin, 100, 1100), -ETIMEDOUT);
    spin_end(&spin);
    cr_assert_not(is_blocked(SIGUSR1));
    cr_assert_eq(spin_turn(&spin, 100, 1200), -ETIMEDOUT, "it begins once");
    cr_assert_not(is_blocked(SIGUSR1));
}
