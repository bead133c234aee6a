//go:build !race

package differential

const underRace = false
