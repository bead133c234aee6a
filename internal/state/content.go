// Package state keeps, in a directory, what a control plane has to know after a restart with
// broken policy files: the files of the generations that gateways are served, and which group
// of gateways was served which.
//
// No disk stops the program: opening, loading and writing take as long as the disk takes, and
// nobody waits for them without a bound. What is on the disk is believed only where it is whole;
// everything else is set aside, and the program starts without it.
package state

import "time"

// Content is what is kept.
type Content struct {
	// At is when it was taken.
	At time.Time
	// Generations are those that may have to be served, the newest first.
	Generations []Generation
	// Groups are the groups of gateways that are remembered.
	Groups []Group
}

// Generation is one reading of the policy directories.
type Generation struct {
	// Hash names the generation within this content. It is empty where the file is of format 1.
	Hash string
	// At is when it was read.
	At    time.Time
	Files []File
	// Served are the fingerprints of certificates that count although they have expired.
	Served []string
	// Lost are the directories that were lost when it was read.
	Lost []string
	// Mounts are the directories with files that were mounts of their own.
	Mounts []string
	// Flags are what it was read with; nil where the file does not say.
	Flags *Flags
}

// Flags are the settings that decide what files mean.
type Flags struct {
	RootNamespace, MeshFile, GatewaysFile string
	SecretsDirs, Ignored                  []string
	RequireTests                          bool
}

// File is a file of a generation. Equal contents share their bytes.
type File struct {
	Path    string
	Content []byte
}

// Group is a group of gateways.
type Group struct {
	Namespace string
	Labels    map[string]string
	Locality  string
	// Serving is the hash of the generation that the group was served last; empty is none.
	Serving string
	// Unsaid says that the file does not tell what the group was served: it is of format 1.
	Unsaid bool
	// Standing is the most that the group was ever served.
	Standing Standing
	// Connected is how long gateways of the group were connected in all, up to Seen.
	Connected time.Duration
	// Seen is when a gateway of the group was last connected.
	Seen time.Time
}

// Standing says what a group of gateways was served. A higher one is worth more.
type Standing int

// The standings, from the one that is worth the least.
const (
	// Unserved groups were never served anything.
	Unserved Standing = iota
	// Idle groups were served policy, and no listener that it could hold for.
	Idle
	// Listening groups had a listener.
	Listening
)
