#!/bin/sh
# Situations that people bring a library into: their own commits, their own git at work beside us.
. "$(dirname "$0")/lib.sh"
learned
. "$ROOT/tests/integration/table"
skill=$(ls lib/skills | head -n 1)
LEARN="grasp learn $CONFIG --set cycle.epochs=1 --library lib --run run2 -q"
edit="$(G log --format=%H --grep=^Gate-Score | head -n 1)"
export CONFIG skill LEARN edit

situation 16 "a working tree that is not clean" <<'END'
echo x >>lib/skills/$skill/SKILL.md
1$ $LEARN
> /SKILL.md
> stash -u
git -C lib checkout -q -- .
mkdir lib/skills/mine && echo x >lib/skills/mine/SKILL.md
1$ $LEARN
> changes that are in no commit
rm -r lib/skills/mine
git -C lib checkout -q --detach
1$ $LEARN
> switch main
git -C lib checkout -q main
git -C lib bisect start -q
1$ $LEARN
> in the middle of a merge, rebase or bisect
END

situation 17 "a linked worktree" <<'END'
git -C lib worktree add -q ../tree best~1
0$ grasp skills list tree
1$ grasp skills import tree lib
> linked worktree
END

situation 18 "a commit by a person" <<'END'
echo '- Mind the units.' >>lib/skills/$skill/SKILL.md
git -C lib commit -q -am 'Mind the units'
0$ grasp skills log lib
> made by hand
1$ grasp skills verify lib
> made by hand
> grasp skills ack
2$ grasp skills ack lib HEAD
1$ grasp skills ack lib "$edit" --why x
> has evidence
1$ grasp skills ack lib "$(git -C lib rev-list --max-parents=0 HEAD)" --why x
> no edit by hand
0$ grasp skills ack lib HEAD --why 'units were missing in two wards'
0$ grasp skills verify lib
> by a person, unmeasured: units were missing in two wards
> everything holds
1$ grasp skills verify lib --strict
> no gate measured
0$ git -C lib log -1 --notes=ack
> units were missing in two wards
0$ $LEARN
0$ grasp skills verify lib
END

situation 18 "a commit that brings its word" <<'END'
echo '- Mind the units.' >>lib/skills/$skill/SKILL.md
git -C lib commit -q -am 'Mind the units' -m 'Acknowledged: on rounds'
0$ grasp skills verify lib
> by a person, unmeasured: on rounds
END

situation 20 "revert, cherry-pick, merge" <<'END'
git -C lib revert --no-edit "$edit"
0$ grasp skills ack lib HEAD --why 'it confused the residents'
0$ grasp skills verify lib
> it confused the residents
git -C lib cherry-pick "$edit"
1$ grasp skills verify lib
> it has no evidence
0$ grasp skills ack lib HEAD --why 'it did not'
0$ grasp skills verify lib
git -C lib checkout -q -b side HEAD~1
git -C lib commit -q --allow-empty -m 'side work' -m 'Acknowledged: notes'
git -C lib checkout -q main
git -C lib merge -q --no-edit side
1$ grasp skills verify lib
> a merge
0$ grasp skills ack lib HEAD --why 'brought together'
0$ grasp skills verify lib
END

situation 21 "a person's word does not cover what a gate measured" <<'END'
git -C lib notes --ref=gate show "$edit" | sed 's/"cand": "fail"/"cand": "pass"/' >note
git -C lib notes --ref=gate add -f -F ../note "$edit"
git -C lib notes --ref=ack add -m 'all is well' "$edit"
1$ grasp skills verify lib
> altered after it was written
END

situation 22 "a note is overwritten, or appended to" <<'END'
git -C lib notes --ref=gate append -m 'fine by me' "$edit"
1$ grasp skills verify lib
> cannot be read
> altered after it was written (by
git -C lib notes --ref=gate add -f -m '{}' "$edit"
1$ grasp skills verify lib
> altered after it was written (by
0$ grasp skills log lib
END

situation 23 "a hand edit that breaks a SKILL.md" <<'END'
echo 'no frontmatter' >lib/skills/$skill/SKILL.md
git -C lib commit -q -am 'oops'
1$ grasp skills list lib
> SKILL.md:1: the first line must be '---'
0$ grasp skills list lib --at HEAD~1
END

situation 25 "two learners" <<'END'
(exec 9>>lib/.git/grasp.lock; printf 'process 123\nsince 2026-01-01T00:00:00Z\n' >lib/.git/grasp.lock; flock -n 9 && $LEARN) >locked 2>&1 || true
0$ cat locked
> is being written by process 123 (since 2026-01-01T00:00:00Z)
END

# A run that its budget stops before the second epoch, and that goes on after a person was there.
cat >"$T/part" <<'END'
# part [OPTIONS]: as far as the budget allows, the library part-lib
grasp learn "$CONFIG" --set cycle.epochs=2 --library part --run part-run --insist --set budget.calls="$CALLS" -q "$@"
END
half=1300
export half part="sh $T/part"

situation 19 "a person's commit between the parts of a run" <<'END'
3$ CALLS=$half $part
git -C part rev-parse HEAD >was
echo '- Mind the units.' >>part/skills/$(ls part/skills | head -n 1)/SKILL.md
git -C part commit -q -am 'Mind the units'
1$ CALLS=0 $part
> (Mind the units)
> --from-head
> git -C 'part' branch aside && git -C 'part' reset --hard
3$ CALLS=1 $part --from-head
0$ CALLS=0 $part --from-head
? git -C part log --format=%s | grep -B1 'Mind the units' | head -n 1 | grep -q '^ADD'
? git -C part log --format=%s | tail -n 2 | head -n 1 | grep -q '^ADD'
0$ CALLS=1 $part
0$ grasp skills ack part "$(git -C part log --format=%H --grep='Mind the units')" --why 'on rounds'
0$ grasp skills verify part
> by a person, unmeasured: on rounds
END

situation 19 "back to where the run was, as it says" <<'END'
3$ CALLS=$half $part
git -C part commit -q --allow-empty -m 'Mind the units'
1$ CALLS=0 $part
CALLS=0 $part 2>&1 | sed -n 's/.*where the run was: //p' >way && sh -e way
0$ CALLS=0 $part
? test "$(git -C part rev-parse 'HEAD^{tree}')" = "$(git -C lib rev-parse 'HEAD^{tree}')"
? test "$(git -C part log -1 --format=%s aside)" = 'Mind the units'
0$ grasp skills ack part aside --why 'kept aside'
0$ grasp skills verify part
END

situation 19 "a person's commit while an update is measured" <<'END'
CALLS=0 $part --set sim.latency_ms=2 >said 2>&1 & pid=$!; until git -C part rev-parse -q --verify main~1 >/dev/null 2>&1 && ! [ -e part/.git/grasp-checkout ]; do :; done; git -C part commit -q --allow-empty -m 'Mind the units'; wait $pid && exit 1; grep -q -- --from-head said
0$ CALLS=0 $part --from-head
? git -C part log --format=%s | grep -B1 'Mind the units' | head -n 1 | grep -q '^ADD'
END

situation 24 "resumed after an older commit was checked out on a new branch" <<'END'
3$ CALLS=$half $part
git -C part checkout -q -b side main~1
1$ CALLS=0 $part
> 'side' is at
> git -C 'part' switch 'main'
0$ CALLS=0 $part --from-head
? test "$(git -C part rev-list --count side)" -gt 2
? test "$(git -C part merge-base main side)" = "$(git -C part rev-parse main~1)"
0$ grasp skills verify part
END

situation 24 "resumed after the branch was reset" <<'END'
3$ CALLS=$half $part
git -C part branch dropped
git -C part reset -q --hard main~1
1$ CALLS=0 $part
> --from-head
0$ CALLS=0 $part --from-head
? test "$(git -C part merge-base main dropped)" = "$(git -C part rev-parse dropped~1)"
0$ grasp skills verify part
END

# Edits by hand that a person wants measured; a library of the first skill only.
cat >"$T/gate" <<'END'
# gate EDIT [OPTIONS]
edit=$1; shift
grasp gate "$CONFIG" --edit "$edit" --library lib --journal ../gate.journal -q "$@"
END
first=$(G rev-list --reverse HEAD | sed -n 2p) last=$(G log -1 --format=%H --grep='^ADD ')
good=$(G log -1 --format=%s "$last" | sed 's/^ADD \([^:]*\):.*/\1/') # the newest skill that was learned
export first last good gate="sh $T/gate"

situation 18 "an edit by hand goes through the gate: a file" <<'END'
git -C lib reset -q --hard "$first" && git -C lib config user.name Ada && git -C lib config user.email ada@x
mkdir own && git -C lib archive "$last" skills/$good | tar x -C own --strip-components 1
mkdir own/$good/scripts && echo 'echo x' >own/$good/scripts/x.sh && chmod +x own/$good/scripts/x.sh
sed -i '1a license: MIT' own/$good/SKILL.md
0$ $gate own/$good/SKILL.md
> accepted
? test "$(git -C lib log -1 --format='%an %cn')" = 'Ada Ada'
? test -x lib/skills/$good/scripts/x.sh
? test "$(git -C lib notes --ref=gate show HEAD | jq -r '.fate + " " + .writer_model')" = 'accepted by hand'
0$ $gate own
> there already
? test "$(git -C lib rev-list --count "$first..HEAD")" = 1
git -C lib for-each-ref >refs
sed -i 's/^license: MIT/license: BSD/' own/$good/SKILL.md
0$ $gate own
> fixed no more
0$ $gate own --replay-only
? test "$(git -C lib for-each-ref | wc -l)" -gt "$(wc -l <refs)"
echo '- And more.' >>own/$good/SKILL.md
0$ $gate own --set skills.max_chars=100
> skills.max_chars
1$ $gate nowhere
> no revision 'nowhere'
END

situation 18 "an edit by hand goes through the gate: a commit" <<'END'
git -C lib reset -q --hard "$first"
git -C lib checkout -q -b mine && git -C lib checkout "$last" -- skills/$good && git -C lib rm -q -r "skills/$(git -C lib ls-tree --name-only "$first:skills")"
git -C lib commit -q -m 'Vital signs instead' --author 'Bob <bob@x>' && git -C lib checkout -q main
1$ grasp skills verify lib
0$ $gate mine
> ADD
> REMOVE
? test "$(git -C lib log -1 --format='%an, %s')" = "Bob, $(git -C lib log -1 --format=%s)"
0$ grasp skills verify lib
> by a person, measured as
1$ $gate HEAD
> git -C 'lib' branch mine && git -C 'lib' reset --hard
1$ $gate "$first"
> git -C 'lib' revert
echo x >>lib/skills/$good/SKILL.md
1$ $gate lib/skills/$good/SKILL.md
> then --edit mine
2$ grasp gate "$CONFIG"
2$ grasp gate "$CONFIG" --edit mine
END

# A run that asks: what it lets in waits on a branch of its own.
cat >"$T/ask" <<'END'
# ask RUN [OPTIONS]: a run whose winners wait for a person, library asked
run=$1; shift
grasp learn "$CONFIG" --set cycle.epochs=2 --set gate.adopt=ask --library asked --run "$run" -q "$@"
END
export ask="sh $T/ask"

situation 18 "winners wait for a person, who takes some" <<'END'
0$ $ask r
> grasp skills adopt 'asked'
? test "$(git -C asked rev-list --count main)" = 1
? test "$(git -C asked rev-parse "$(git -C asked branch --list 'proposed/*' --format='%(refname)')^{tree}")" = "$(git -C lib rev-parse 'main^{tree}')"
0$ $ask r
0$ grasp skills verify asked
git -C asked branch --list 'proposed/*' --format='%(refname:short)' >branch
0$ grasp skills adopt asked "$(cat branch)~2"
> adopted
? test "$(git -C asked rev-parse main best)" = "$(git -C asked rev-parse "$(cat branch)~2" "$(cat branch)~2")"
? test -z "$(git -C asked status --porcelain)"
1$ grasp skills adopt asked "$(cat branch)~2"
> was adopted
2$ grasp skills reject asked "$(cat branch)~1"
0$ grasp skills reject asked "$(cat branch)~1" --why 'names a ward that is closed'
2x rejected
? test -z "$(git -C asked branch --list 'proposed/*')"
0$ git -C asked log --notes=rejected --glob=refs/grasp/rejected
> names a ward that is closed
0$ grasp skills graph asked
> <- rejected/
0$ grasp skills verify asked
1$ grasp skills adopt asked
> nothing is proposed
0$ $ask r2 --set cycle.epochs=1
git -C asked branch -q -D $(git -C asked branch --list 'proposed/*' --format='%(refname:short)') || true
? grep -q 'a person did not want it: names a ward that is closed' r2/run.json
cp -R asked untold && git -C untold update-ref -d refs/notes/rejected
0$ grasp learn "$CONFIG" --set cycle.epochs=1 --set gate.adopt=ask --library untold --run r3 -q
for r in r2 r3; do grasp journal export $r/journal | grep -m 1 '"phase":"propose"' | sed 's/.*"request_chars":\([0-9]*\).*/\1/' >$r.chars; done
? test "$(cat r2.chars)" -gt "$(cat r3.chars)"
END

situation 18 "two runs that begin in one second" <<'END'
0$ SOURCE_DATE_EPOCH=1800000000 $ask r --set cycle.epochs=1
git -C asked branch -q -D $(git -C asked branch --list 'proposed/*' --format='%(refname:short)')
0$ SOURCE_DATE_EPOCH=1800000000 $ask r2 --set cycle.epochs=1 --set model.temperature=0.5
0$ SOURCE_DATE_EPOCH=1800000000 $ask r3 --set cycle.epochs=1 --set model.temperature=0.5
? test "$(jq -r .run r/run.json r2/run.json r3/run.json | sort -u | wc -l)" = 3
END

situation 18 "the configuration changes while winners wait" <<'END'
3$ $ask r --insist --set budget.calls=1700
git -C asked branch --list 'proposed/*' --format='%(refname:short)' >was
0$ $ask r --set cycle.grpo_eval_n=30 --accept-changes
? test "$(git -C asked branch --list 'proposed/*' | wc -l)" = 1
? test "$(git -C asked branch --list 'proposed/*' --format='%(refname:short)')" != "$(cat was)"
? git -C asked log --format=%s --branches='proposed/*' | grep -q '^RESTORE'
? test "$(git -C asked rev-list --count main)" = 1
0$ $ask r --set cycle.grpo_eval_n=30
> on the branch proposed/
0$ grasp skills adopt asked
0$ $ask r --set cycle.grpo_eval_n=30
! on the branch proposed/
0$ grasp skills verify asked
> everything holds
END

situation 18 "what was proposed is merged with plain git" <<'END'
0$ $ask r
git -C asked branch --list 'proposed/*' --format='%(refname:short)' >branch
git -C asked merge -q --no-ff -m 'Take over the run' "$(cat branch)" && git -C asked branch -qD "$(cat branch)"
0$ grasp skills verify asked
> everything holds
0$ $ask r
git -C asked reset -q --hard HEAD~1 && git -C asked commit -q --allow-empty -m 'mine' -m 'Acknowledged: a note'
0$ $ask r2
git -C asked commit -q --allow-empty -m 'mine, too' -m 'Acknowledged: a note'
1$ grasp skills adopt asked
> nothing measured the two together
> git -C 'asked' merge
END

# Git at work beside a learner, again and again while it runs.
cat >"$T/beside" <<'END'
# beside COMMAND: a library is learned while git does this to it
grasp learn "$CONFIG" --set cycle.epochs=1 --library busy --run busy-run -q & pid=$!
while kill -0 $pid 2>/dev/null; do [ -f busy/.git/refs/heads/main ] && (cd busy && eval "$1") >/dev/null 2>&1; done
wait $pid
END
"$GRASP" learn "$CONFIG" --set cycle.epochs=1 --library calm --run calm-run -q >/dev/null 2>&1
export calm="$T/calm" beside="sh $T/beside"
for git in 'git gc -q --prune=now' 'git repack -adq; git pack-refs --all; git status; git fetch . main:fetched'; do
    export git
    situation 13 "$git while learning" <<'END'
0$ $beside "$git"
? test "$(git -C busy rev-parse 'best^{tree}')" = "$(git -C "$calm" rev-parse 'best^{tree}')"
? test "$(git -C busy notes --ref=gate list | wc -l)" = "$(git -C "$calm" notes --ref=gate list | wc -l)"
? test -z "$(git -C busy fsck --full --strict 2>&1 | grep -v dangling)"
END
done

situation 15 "a person's git settings" <<'END'
mkdir home hooks && printf '#!/bin/sh\nexit 1\n' >hooks/pre-commit && chmod +x hooks/pre-commit && echo '*' >ignored
printf '[core]\n\tautocrlf = true\n\thooksPath = %s/hooks\n\texcludesFile = %s/ignored\n[commit]\n\tgpgsign = true\n[user]\n\tname = Ada\n\temail = ada@x\n' "$PWD" "$PWD" >home/.gitconfig
0$ HOME=$PWD/home grasp learn "$CONFIG" --set cycle.epochs=1 --library mine --run mine-run -q
? test "$(git -C mine rev-parse 'best^{tree}')" = "$(git -C "$calm" rev-parse 'best^{tree}')"
? test "$(git -C mine log -1 --format=%an)" = Ada
0$ HOME=$PWD/home grasp skills verify mine
END

situation 13 "a lock that stays" <<'END'
: >lib/.git/refs/heads/best.lock
3$ $LEARN
> run the same command again
rm lib/.git/refs/heads/best.lock
0$ $LEARN
END

situation 27 "what happened, as text" <<'END'
git -C lib branch for/model-x main~1
echo x >lib/x && git -C lib add x && git -C lib commit -q -m 'by hand' && git -C lib branch -f for/model-x && git -C lib reset -q --hard main~1
grasp skills freeze lib --name v1
0$ grasp skills graph lib
> v1 (frozen)
> for/model-x
> |/
> run 
0$ grasp skills log lib --rejected
> refused: it gained nothing
> characters)
? git -C lib notes --ref=gate show "$edit" | sed -n 2p | grep -q '^  "summary": ".* was let in: of '
END

situation 35 "an edit that makes the library too long" <<'END'
0$ grasp learn "$CONFIG" --set cycle.epochs=1 --set skills.max_chars=200 --library small --run small-run -v
> skills.max_chars
? test "$(git -C small rev-list --count HEAD)" = 1
END

situation 27 "git log as the README shows it" <<'END'
? ! git -C lib log --format='%h %s %(trailers:key=Gate-Score,valueonly,separator=)' | grep -q '^$'
END
done_testing
