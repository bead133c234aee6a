package app

// reserved are the file descriptors that gateways never get: connections of the admin interface
// and of fetched keys, 64 each, watches, the state, and files while they are read. Without them
// the plane would take no edit, and would not answer whether it is ready.
const reserved = 256

// connections returns how many connections of gateways there may be, where the process may open so
// many files, and warns where that is fewer than was asked for.
func (a *App) connections(files uint64) int {
	want := a.options.MaxConnections
	if want <= 0 {
		want = DefaultMaxConnections
	}
	// Of very few files half are for gateways.
	room := files / 2
	if files > 2*reserved {
		room = files - reserved
	}
	if uint64(want) <= room {
		return want
	}
	a.options.Logger.Warn("the process may open too few files for --xds-max-connections: fewer connections of gateways are taken",
		"files", files, "reserved", files-room, "xds-max-connections", want, "connections", room,
		"hint", "raise the limit of open files (ulimit -n, LimitNOFILE= of systemd), or lower --xds-max-connections")
	return max(1, int(room)) //nolint:gosec // it is less than want
}
