//go:build race

package differential

// underRace says that the race detector runs, with which an Envoy is asked ten times slower and no race of
// its own is found.
const underRace = true
