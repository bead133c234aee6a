package disk

import (
	"io/fs"
	"reflect"
	"time"
)

// ChangeTime returns when a file or anything about it last changed, which unlike the time of modification nobody
// can set. It is false where the system does not tell.
func ChangeTime(info fs.FileInfo) (time.Time, bool) {
	for _, name := range []string{"Ctim", "Ctimespec"} { // they differ between operating systems
		if t := field(info, name); t.IsValid() && t.Kind() == reflect.Struct {
			return time.Unix(t.FieldByName("Sec").Int(), t.FieldByName("Nsec").Int()), true
		}
	}
	return time.Time{}, false
}

// HasOtherNames reports whether a file has other names than the one that it was asked for by, under which it may
// be written to. Where the system does not tell it may have.
func HasOtherNames(info fs.FileInfo) bool {
	links := field(info, "Nlink")
	return !links.IsValid() || !(links.CanUint() && links.Uint() == 1 || links.CanInt() && links.Int() == 1)
}

// Owner returns the number of the user who owns a file. It is false where the system does not tell.
func Owner(info fs.FileInfo) (uint64, bool) {
	uid := field(info, "Uid")
	if !uid.IsValid() || !uid.CanUint() {
		return 0, false
	}
	return uid.Uint(), true
}

// field returns a field of what the system told of a file.
func field(info fs.FileInfo, name string) reflect.Value {
	stat := reflect.Indirect(reflect.ValueOf(info.Sys()))
	if stat.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return stat.FieldByName(name)
}
