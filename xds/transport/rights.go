package transport

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
)

// defaultMode lets the user of the control plane alone connect to a socket.
const defaultMode fs.FileMode = 0o600

// Rights are who may connect to a Unix socket.
type Rights struct {
	mode     fs.FileMode
	uid, gid int
}

// ParseRights reads a mode in octal, an owner and a group, by name or number. Empty ones are 0600, and
// the user and the group of the process.
func ParseRights(mode, owner, group string) (Rights, error) {
	r := Rights{mode: defaultMode, uid: os.Geteuid(), gid: os.Getegid()}
	var errs [3]error
	if mode != "" {
		r.mode, errs[0] = parseMode(mode)
	}
	if owner != "" {
		r.uid, errs[1] = number("user", owner, func(name string) (string, error) {
			u, err := user.Lookup(name)
			if err != nil {
				return "", err
			}
			return u.Uid, nil
		})
	}
	if group != "" {
		r.gid, errs[2] = number("group", group, func(name string) (string, error) {
			g, err := user.LookupGroup(name)
			if err != nil {
				return "", err
			}
			return g.Gid, nil
		})
	}
	return r, errors.Join(errs[:]...)
}

func parseMode(text string) (fs.FileMode, error) {
	mode, err := strconv.ParseUint(text, 8, 32)
	if err != nil || fs.FileMode(mode)&^fs.ModePerm != 0 {
		return 0, fmt.Errorf("the mode %q of the socket is none: want three octal digits, such as 0660", text)
	}
	return fs.FileMode(mode), nil
}

// number returns the number of a user or a group.
func number(kind, name string, lookup func(string) (string, error)) (int, error) {
	text := name
	if _, err := strconv.ParseUint(name, 10, 32); err != nil {
		if text, err = lookup(name); err != nil {
			return 0, fmt.Errorf("the %s %q of the socket is not known here: want a name or a number of this machine", kind, name)
		}
	}
	id, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("the %s %q of the socket has no number that counts here", kind, name)
	}
	return int(id), nil
}
