#!/bin/sh
# Situations that people bring a library into: clones, remotes, what they have and lack.
. "$(dirname "$0")/lib.sh"
learned
. "$ROOT/tests/integration/table"
task=$(git -C lib notes --ref=gate show best | jq -r '.probes[0].id')
export CONFIG TASK="$task"

situation 1 "a plain clone" <<'END'
git clone -q lib clone
0$ grasp skills log clone
1x skills remote 'clone'
0$ grasp skills rejected clone
> not in this copy
! 0 candidates
1x git -C 'clone' fetch
1$ grasp skills blame clone $TASK
> is not known here
! never a probe
1$ grasp skills evidence clone HEAD
> not in this copy
1$ grasp skills verify clone
1x cannot be held against their evidence
! everything holds
! it has no evidence
0$ grasp skills export clone out
> exported without the tasks
0$ grasp skills list clone
1x leaves them out
0$ grasp skills remote clone && git -C clone fetch -q
> refs/grasp/*:refs/grasp/*
0$ grasp skills verify clone
> everything holds
0$ grasp skills log clone
! leaves them out
0$ grasp skills remote clone
> set so already
? ! git -C clone config --get-all remote.origin.fetch | grep '^+refs/\(grasp\|notes\)'
0$ grasp skills list lib
! leaves
END

situation 2 "the server's HEAD names a branch that nobody pushed" <<'END'
git init -q --bare -b trunk server
git -C lib push -q "$PWD/server" main best
git clone -q server clone
1$ grasp skills list clone
> git -C 'clone' switch 'main'
1$ grasp learn $CONFIG --library clone --run clone-run -q
> has nothing checked out
git -C clone switch -q main
0$ grasp skills list clone
END

situation 2 "pushed to a bare repository" <<'END'
git init -q --bare -b main server
git -C lib remote add origin "$PWD/server"
0$ grasp skills remote lib
> remote.origin.push refs/notes/*:refs/notes/*
0$ git -C lib push -q
git clone -q server clone
0$ grasp skills remote clone && git -C clone fetch -q
0$ grasp skills verify clone
> everything holds
0$ grasp skills verify server
> everything holds
END

situation 3 "mirror and bare clones" <<'END'
git clone -q --mirror lib mirror
git clone -q --bare lib bare
0$ grasp skills verify mirror
> everything holds
1$ grasp skills verify bare
> to fetch it: grasp skills remote 'bare' && git -C 'bare' fetch 'origin'
END

situation 4 "best moves and is pushed; elsewhere git pull" <<'END'
git init -q --bare -b main server
git -C lib remote add origin "$PWD/server"
git -C lib branch -f best main~1
grasp skills remote lib
git -C lib push -q
git clone -q server clone
git clone -q server second
git -C second branch best origin/best
git -C lib branch -f best main
git -C lib push -q
git -C clone pull -q
git -C second pull -q
? test "$(grasp skills list clone --at best --json | jq -c .)" = "$(grasp skills list lib --at main --json | jq -c .)"
? test "$(grasp skills list second --at best --json | jq -c .)" = "$(grasp skills list lib --at main --json | jq -c .)"
? test "$(grasp skills list lib --at best~1 --json | jq -c .)" = "$(grasp skills list lib --at main~1 --json | jq -c .)"
END

situation 4 "a library whose best is a tag" <<'END'
git -C lib branch -q -D best
git -C lib tag -a -m "as before" best main~1
0$ grasp skills list lib --at best
? git -C lib rev-parse -q --verify refs/tags/best
0$ grasp skills freeze lib --name v1
> 'best' is a branch now
? test "$(git -C lib rev-parse refs/heads/best)" = "$(git -C lib rev-parse main~1)"
? ! git -C lib rev-parse -q --verify refs/tags/best
0$ grasp skills verify lib
END

situation 5 "a branch for another model, in a clone" <<'END'
0$ grasp transfer "$CONFIG" --library lib --at best --to simulated:weak --regate --split val -q
git clone -q lib clone
git -C clone fetch -q origin 'refs/grasp/*:refs/grasp/*' 'refs/notes/*:refs/notes/*'
? git -C clone for-each-ref refs/remotes | grep -q for/simulated-weak
0$ grasp skills verify clone
> everything holds
END

situation 7 "a shallow clone" <<'END'
git clone -q --depth 2 "file://$PWD/lib" clone
0$ grasp skills list clone
0$ grasp skills log clone
> history before this was not fetched
> fetch --unshallow
! error
1$ grasp skills verify clone
! object not found
> history before this was not fetched
0$ grasp skills diff clone HEAD~1 HEAD
END

situation 8 "a partial clone" <<'END'
git -C lib config uploadpack.allowFilter true
git clone -q --no-checkout --filter=blob:none "file://$PWD/lib" clone
1$ grasp skills list clone
> partial clone
> fetch --refetch --no-filter
git -C clone fetch -q --refetch --no-filter
0$ grasp skills list clone
END

situation 9 "a sparse checkout" <<'END'
git clone -q lib sparse
git -C sparse sparse-checkout set --cone nothing
0$ grasp skills list sparse
1$ grasp skills freeze sparse --name v1
> is a sparse checkout
> sparse-checkout disable
! stash
END

situation 10 "SHA-256 ids, and a reftable" <<'END'
git init -q --object-format=sha256 -b main sha
1$ grasp skills list sha
> SHA-256
> fast-import
git -C lib config core.repositoryformatversion 1
git -C lib config extensions.refStorage reftable
1$ grasp skills list lib
> git clone --mirror --ref-format=files
END

for extension in preciousObjects worktreeConfig relativeWorktrees; do
    export extension
    situation 11 "the extension $extension" <<'END'
git -C lib config core.repositoryformatversion 1
git -C lib config extensions.$extension true
0$ grasp skills verify lib
> everything holds
0$ grasp skills freeze lib --name v1
END
done

if [ "$(id -u)" = 0 ]; then
    situation 12 "another owner" <<'END'
chown -R nobody lib
mkdir home
1$ HOME="$PWD/home" grasp skills list lib
> belongs to another user
> git config --global --add safe.directory '
0$ HOME="$PWD/home" git config --global --add safe.directory '*' && HOME="$PWD/home" grasp skills list lib
END
else
    skip "12. another owner" "only root gives files away"
fi

situation 6 "two learners, one server" <<'END'
git init -q --bare -b main server
git -C lib remote add origin "$PWD/server"
grasp skills remote lib
git -C lib push -q
git clone -q server other
git -C other checkout -q -b best origin/best
git -C other checkout -q main
grasp skills remote other
git -C other fetch -q
grasp learn "$CONFIG" --set cycle.epochs=1 --set cycle.seed=2 --library other --run run-other -q
grasp learn "$CONFIG" --set cycle.epochs=1 --set cycle.seed=3 --library lib --run run-lib -q
git -C lib push -q
1$ git -C other fetch
> non-fast-forward
git -C other fetch -q --refmap= origin refs/notes/gate:refs/notes/theirs
git -C other notes --ref=gate merge -q -s union refs/notes/theirs
0$ grasp skills verify other
> everything holds
END
# Behind `git daemon`, which git starts for each connection: no port is needed.
URL="ext::git daemon --inetd --enable=receive-pack --export-all --base-path=$T/s %G/server"
export URL GIT_ALLOW_PROTOCOL=ext
if [ -x "$(git --exec-path)/git-daemon" ]; then
    situation 2 "two people, one server: learn here, verify and freeze there, transfer here" <<'END'
git init -q --bare -b main server
git -C lib remote add origin "$URL" && git -C lib config user.name Ada && git -C lib config user.email ada@x
0$ grasp skills remote lib
0$ git -C lib push -q
0$ git clone -q "$URL" bob
git -C bob config user.name Bob && git -C bob config user.email bob@x
0$ grasp skills remote bob
0$ git -C bob fetch -q
0$ grasp skills verify bob
> everything holds
0$ grasp skills freeze bob --name v1
0$ git -C bob push -q
0$ git -C lib fetch -q
? test "$(git -C lib rev-parse v1)" = "$(git -C bob rev-parse v1)"
? git -C lib for-each-ref refs/tags/v1 --format='%(taggername)' | grep -q Bob
0$ grasp transfer "$CONFIG" --library lib --at v1 --to simulated:weak --split val -q
> against no skills on the same
0$ grasp learn "$CONFIG" --set cycle.epochs=1 --set cycle.seed=3 --library lib --run more -q
0$ git -C lib push -q
0$ git -C bob pull -q
0$ grasp skills verify bob
0$ grasp skills verify server
? test "$(git -C bob rev-parse main)" = "$(git -C lib rev-parse main)"
END
else
    skip "2. two people, one server" "no git daemon"
fi

done_testing
