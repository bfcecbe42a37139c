package shell

// redactor hides secrets in a text that comes in parts. It holds back what may
// be the beginning of a secret until it is known, which is less than the
// longest one.
type redactor struct {
	secrets *secrets
	held    []byte
	// hidden is how much of held is part of a secret that has been hidden.
	hidden int
}

// mask is written for what is hidden.
const mask = "***"

// append appends what part, the last one or not, adds to the text without secrets.
// Occurrences that overlap are hidden as one.
func (r *redactor) append(dst, part []byte, last bool) []byte {
	b := part
	if len(r.held) > 0 {
		r.held = append(r.held, part...)
		b = r.held
	}
	done := r.hidden // until there b is in dst, or hidden
	i := r.secrets.skip(b, 0)
	for ; i < len(b); i = r.secrets.skip(b, i+1) {
		n, more := r.secrets.at(b[i:])
		if more && !last {
			break
		}
		if n == 0 {
			continue
		}
		if i >= done {
			dst = append(append(dst, b[done:i]...), mask...)
		}
		done = max(done, i+n)
	}
	if done < i {
		dst = append(dst, b[done:i]...)
		done = i
	}
	r.hidden = done - i
	r.held = append(r.held[:0], b[i:]...)
	return dst
}
