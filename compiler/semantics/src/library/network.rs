//! Address ranges.

use std::net::IpAddr;

use crate::diag::{Diag, Span};
use crate::eval::{Cx, Data, Eval, Val};

impl<'db> Eval<'db> {
    /// `cidr_subnet("10.0.0.0/16", 8, 3)`: the range in the range, as `cidrsubnet` of HCL has it.
    pub(super) fn cidr_subnet(
        &mut self,
        range: &Val<'db>,
        more: &Val<'db>,
        number: &Val<'db>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let made = match (range.text(), &more.data, &number.data) {
            (Some(range), Data::Int(more), Data::Int(number)) => {
                subnet(&range, more.get(), number.get())
            }
            _ => {
                self.not_known(range, cx, span, "an address range");
                return Val::new(Data::Poison, cx.origin(span));
            }
        };
        match made {
            Ok(range) => Val::new(Data::Text(range.into()), cx.origin(span)),
            Err(message) => {
                self.error(cx, Diag::error("E0522", self.spot(cx, span), message));
                Val::new(Data::Poison, cx.origin(span))
            }
        }
    }
}

/// The `number`th of the ranges that are `more` bits longer.
fn subnet(range: &str, more: i128, number: i128) -> Result<String, String> {
    let no_range = || format!("`{range}` is no address range such as 10.0.0.0/16");
    let (address, length) = range.split_once('/').ok_or_else(no_range)?;
    let address: IpAddr = address.parse().map_err(|_| no_range())?;
    let length: u32 = length.parse().map_err(|_| no_range())?;
    let (bits, width) = match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    if length > width {
        return Err(no_range());
    }
    let room = width - length;
    let more = u32::try_from(more).ok().filter(|more| *more <= room);
    let Some(more) = more else {
        return Err(format!("`{range}` has room for 0 to {room} more bits"));
    };
    let fits = u128::try_from(number)
        .ok()
        .filter(|n| more >= 127 || *n < 1u128 << more);
    let Some(number) = fits else {
        return Err(format!(
            "{more} more bits make the ranges 0 to {} of `{range}`; there is no {number}",
            1u128.checked_shl(more).map_or(u128::MAX, |n| n - 1)
        ));
    };
    // The host bits of what was given are no part of the range.
    let network = bits & !mask(room);
    let bits = network | number.checked_shl(room - more).unwrap_or(0);
    let address = match address {
        IpAddr::V4(_) => IpAddr::V4(u32::try_from(bits).unwrap_or(0).into()),
        IpAddr::V6(_) => IpAddr::V6(bits.into()),
    };
    Ok(format!("{address}/{}", length + more))
}

/// The lowest bits.
fn mask(bits: u32) -> u128 {
    1u128.checked_shl(bits).map_or(u128::MAX, |n| n - 1)
}

#[cfg(test)]
mod tests {
    use super::subnet;

    #[test]
    fn ranges_lie_in_ranges() {
        for (range, more, number, wanted) in [
            ("10.0.0.0/16", 8, 3, "10.0.3.0/24"),
            ("10.0.7.9/16", 8, 255, "10.0.255.0/24"),
            ("10.0.0.0/8", 0, 0, "10.0.0.0/8"),
            ("0.0.0.0/0", 32, 4_294_967_295, "255.255.255.255/32"),
            ("fd00::/48", 16, 171, "fd00:0:0:ab::/64"),
            ("::/0", 128, 1, "::1/128"),
        ] {
            assert_eq!(subnet(range, more, number).as_deref(), Ok(wanted));
        }
        for (range, more, number) in [
            ("10.0.0.0", 8, 3),
            ("10.0.0.0/33", 0, 0),
            ("10.0.0/16", 8, 3),
            ("10.0.0.0/16", 17, 0),
            ("10.0.0.0/16", -1, 0),
            ("10.0.0.0/16", 8, 256),
            ("10.0.0.0/16", 8, -1),
        ] {
            assert!(
                subnet(range, more, number).is_err(),
                "{range} {more} {number}"
            );
        }
    }
}
