package watch

// op says what happened to a path.
type op uint

const (
	// created says that the name appeared, whether by creation or by a rename.
	created op = 1 << iota
	// renamed says, beside created, that it was a rename within the directories that are
	// watched: all that was written to the file was seen, under its earlier name.
	renamed
	// moved says, beside created, that it was a rename.
	moved
	// slipped says, beside created, that it was a rename from a directory of which only names are seen.
	slipped
	// written says that a file was written to or cut, and closed that a writer closed it.
	written
	closed
	// removed says that the name is gone, or is another's now.
	removed
	// changed says that what is known about the path changed: its mode or its times.
	changed
	// unseen says that the path is not watched any more, or that something else may stand there.
	unseen
	// givenUp says that a file's open writer is not followed any more: there are too many.
	givenUp
)

// event is what happened to one path.
type event struct {
	path string
	op   op
}

func (e event) has(o op) bool { return e.op&o != 0 }

// extent is how much of a path is watched.
type extent int

const (
	// names are what appears in a directory, and what goes.
	names extent = iota + 1
	// all is names and who writes to the files of a directory.
	all
	// content is who writes to a single file, under whatever name.
	content
)
