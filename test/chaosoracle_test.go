package test

import (
	"fmt"
	"slices"
	"sync"
)

// chaosOracle knows which answers are right. Everything good is told to it before it can count: a revision of a file before it is
// written, keys before the issuer has them. What a gateway runs is seen at the gateway itself, and is from then on the oldest that
// it may answer by. So a right answer is one of any moment between the start and the end of its request, and no verdict depends on
// how fast anything is. It is safe for concurrent use.
type chaosOracle struct {
	mu     sync.Mutex
	keys   [][]string
	stands [chaosGateways]chaosStanding
	// histories are the revisions of each file that a gateway may run, the oldest first, as the worlds in which they were written.
	// Files are read one by one, so a gateway may run any of one with any of another.
	histories [chaosGateways][chaosFileCount][]chaosWorld
	// held are files that were written while an error keeps everything new from a gateway; nil where none does.
	held [chaosGateways]map[chaosFile]chaosWorld
}

// chaosStanding is the oldest that a gateway may answer by: places in the history of each file, and in that of keys.
type chaosStanding struct {
	files [chaosFileCount]int
	keys  int
}

func newChaosOracle(first chaosWorld, keys []string) *chaosOracle {
	o := &chaosOracle{keys: [][]string{keys}}
	for file := range chaosFileCount {
		o.expects(file, first)
	}
	return o
}

// expects is told of a revision of a file before it is written.
func (o *chaosOracle) expects(file chaosFile, w chaosWorld) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for g := range chaosGateways {
		if o.held[g] != nil {
			o.held[g][file] = w
		} else {
			o.histories[g][file] = append(o.histories[g][file], w)
		}
	}
}

// holds is told that the control plane knows of an error that keeps everything new from gateways.
func (o *chaosOracle) holds(gateways ...int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, g := range gateways {
		o.held[g] = map[chaosFile]chaosWorld{}
	}
}

// releases is told that there is no such error any more, before that is so.
func (o *chaosOracle) releases() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for g, held := range o.held {
		for file, w := range held {
			o.histories[g][file] = append(o.histories[g][file], w)
		}
		o.held[g] = nil
	}
}

// expectsKeys is told of keys before they can be fetched.
func (o *chaosOracle) expectsKeys(keys ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.keys = append(o.keys, keys)
}

// standing is how a gateway stands now. A request that begins after it is judged by it.
func (o *chaosOracle) standing(gateway int) chaosStanding {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.stands[gateway]
}

// judge returns an error where an answer was right at no moment since a standing.
func (o *chaosOracle) judge(gateway int, q chaosRequest, since chaosStanding, got chaosAnswer) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var right []chaosAnswer
	for moment := range o.moments(gateway, q, since) {
		answer := q.answer(moment)
		if answer == got {
			return nil
		}
		if !slices.Contains(right, answer) {
			right = append(right, answer)
		}
	}
	return fmt.Errorf("gateway %d answers %s, token %q (secure %t): %+v; right is %+v", gateway, q.path, q.token.name, q.secure, got, right)
}

// moments yields all that a gateway may have run since, as far as it counts for the request.
func (o *chaosOracle) moments(gateway int, q chaosRequest, since chaosStanding) func(func(chaosMoment) bool) {
	of := func(file chaosFile) []chaosWorld { return o.histories[gateway][file][since.files[file]:] }
	door, _ := q.door()
	return func(yield func(chaosMoment) bool) {
		for _, d := range of(door) {
			for _, t := range of(tokensFile) {
				for _, r := range of(routesFile) {
					for _, s := range of(secretFile) {
						for _, k := range o.keys[since.keys:] {
							if !yield(chaosMoment{d, t, r, s, k}) {
								return
							}
						}
					}
				}
			}
		}
	}
}

// chaosSeen is what a gateway runs: the marks of files, the names of keys, and serial numbers. A part that is not there
// yet, or was not asked for, is nil.
type chaosSeen struct{ policy, routes, keys, serials []string }

// runs reports whether what was seen is of a revision of a file; known is false where nothing was seen of it.
func (s chaosSeen) runs(gateway int, file chaosFile, w chaosWorld) (is, known bool) {
	switch {
	case file == secretFile:
		return slices.Equal(s.serials, []string{w.serial}), s.serials != nil
	case file == routesFile:
		return slices.Equal(s.routes, []string{w.mark(file)}), s.routes != nil
	case file == localFile && gateway != localGateway:
		return true, true
	}
	mark := w.mark(file)
	if mark != "" {
		return slices.Contains(s.policy, mark), s.policy != nil
	}
	other := func(m string) bool { return chaosMarkOf(m) == file.String() }
	return !slices.ContainsFunc(s.policy, other), s.policy != nil
}

// sees is told what a gateway runs. It is an error where that is nothing that it may run, or older than what it ran before.
func (o *chaosOracle) sees(gateway int, seen chaosSeen) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	stands := &o.stands[gateway]
	for file := range chaosFileCount {
		history := o.histories[gateway][file]
		at := stands.files[file]
		for ; at < len(history); at++ {
			if is, known := seen.runs(gateway, file, history[at]); is || !known {
				break
			}
		}
		if at == len(history) {
			return fmt.Errorf("gateway %d runs %v, in which %v is not of revision %d or a later one up to %d that may be served",
				gateway, seen, file, history[stands.files[file]].revisions[file], history[len(history)-1].revisions[file])
		}
		stands.files[file] = at
	}
	if seen.keys == nil {
		return nil
	}
	for at := stands.keys; at < len(o.keys); at++ {
		if slices.Equal(o.keys[at], seen.keys) {
			stands.keys = at
			return nil
		}
	}
	return fmt.Errorf("gateway %d runs the keys %v, which is none of %v", gateway, seen.keys, o.keys[stands.keys:])
}

// behind says what of the newest a gateway does not run yet, and is empty where it runs all of it.
func (o *chaosOracle) behind(gateway int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	stands := o.stands[gateway]
	for file := range chaosFileCount {
		history := o.histories[gateway][file]
		if file == secretFile && gateway != secureGateway || file == localFile && gateway != localGateway {
			continue
		}
		if history[stands.files[file]].mark(file) != history[len(history)-1].mark(file) {
			return file.String()
		}
	}
	if stands.keys != len(o.keys)-1 {
		return "keys"
	}
	return ""
}
