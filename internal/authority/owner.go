package authority

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
)

// Owner is whose files are. The zero value leaves them to whoever makes them.
type Owner struct {
	// named says that uid and gid count; of these -1 leaves what is.
	named    bool
	uid, gid int
	// group lets the group read; else only the user does.
	group bool
}

// ParseOwner reads USER, USER:GROUP or :GROUP, each a name or a number. Where no group is named it is the
// user's own, which may not read.
func ParseOwner(text string) (Owner, error) {
	out := Owner{named: true, uid: -1, gid: -1}
	who, group, named := strings.Cut(text, ":")
	if who == "" && group == "" {
		return Owner{}, fmt.Errorf("owner %q: want USER, USER:GROUP or :GROUP, names or numbers", text)
	}
	if who != "" {
		u, err := user.Lookup(who)
		if err != nil {
			u, err = user.LookupId(who)
		}
		switch number, notNumber := strconv.ParseUint(who, 10, 31); {
		case err == nil:
			if out.uid, out.gid, err = numbers(u); err != nil {
				return Owner{}, err
			}
		case notNumber == nil: // a user of another machine or container
			out.uid = int(number)
		default:
			return Owner{}, fmt.Errorf("owner %q: there is no user %q here; a number is taken as it is", text, who)
		}
	}
	if !named {
		return out, nil
	}
	gid, err := groupNumber(group)
	if err != nil {
		return Owner{}, fmt.Errorf("owner %q: %w", text, err)
	}
	out.gid, out.group = gid, true
	return out, nil
}

func numbers(u *user.User) (uid, gid int, err error) {
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return 0, 0, fmt.Errorf("user %s: %w", u.Username, err)
	}
	if gid, err = strconv.Atoi(u.Gid); err != nil {
		return 0, 0, fmt.Errorf("user %s: %w", u.Username, err)
	}
	return uid, gid, nil
}

func groupNumber(name string) (int, error) {
	if g, err := user.LookupGroup(name); err == nil {
		name = g.Gid
	}
	n, err := strconv.ParseUint(name, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("there is no group %q here; a number is taken as it is", name)
	}
	return int(n), nil
}

// file is how files of this owner are read: by the user, and by the group where it may.
func (o Owner) file() access {
	if o.group {
		return access{0o640, o}
	}
	return access{0o600, o}
}

// directory is how directories of this owner are entered.
func (o Owner) directory() access {
	if o.group {
		return access{0o750, o}
	}
	return access{0o700, o}
}

func (o Owner) give(f *os.File) error {
	if !o.named {
		return nil
	}
	return f.Chown(o.uid, o.gid)
}

func (o Owner) apply(path string) error {
	if !o.named {
		return nil
	}
	return os.Chown(path, o.uid, o.gid)
}

// onlyGroup is the owner of what the group may enter and whose user stays the same.
func (o Owner) onlyGroup() Owner {
	if !o.group {
		return Owner{}
	}
	return Owner{named: true, uid: -1, gid: o.gid, group: true}
}

// ofWhoRuns is the owner with the user who runs this, where he may give files away: who owns a folder can put others in
// the place of its files, whoever owns these. Who is not root cannot take a folder over that is not his.
func (o Owner) ofWhoRuns() Owner {
	if os.Geteuid() != 0 {
		return o
	}
	if !o.named {
		o = Owner{named: true, gid: -1}
	}
	o.uid = 0
	return o
}
