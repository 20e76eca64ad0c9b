//! Exact numbers with dimensions.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An exact rational number: two 128-bit integers in lowest terms, the lower one positive.
///
/// There are no floats in plat: `0.1 + 0.2` is `0.3`, and a result that does not fit is an
/// overflow the compiler reports, never a rounded value. All arithmetic is checked: `None` is
/// overflow (or a division by zero).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    num: i128,
    den: i128,
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Decimal {
    /// Nought.
    pub const ZERO: Self = Self { num: 0, den: 1 };
    /// One.
    pub const ONE: Self = Self { num: 1, den: 1 };

    /// A whole number.
    pub const fn int(n: i128) -> Self {
        Self { num: n, den: 1 }
    }

    /// `num / den` in lowest terms; `None` when `den` is 0 or the result does not fit.
    pub fn ratio(num: i128, den: i128) -> Option<Self> {
        if den == 0 {
            return None;
        }
        let g = gcd(num.unsigned_abs(), den.unsigned_abs()).max(1);
        let negative = (num < 0) != (den < 0);
        let num = i128::try_from(num.unsigned_abs() / g).ok()?;
        let den = i128::try_from(den.unsigned_abs() / g).ok()?;
        Some(Self {
            num: if negative { num.checked_neg()? } else { num },
            den,
        })
    }

    /// The upper part of the fraction in lowest terms.
    pub const fn numerator(self) -> i128 {
        self.num
    }

    /// The lower part of the fraction in lowest terms; always positive.
    pub const fn denominator(self) -> i128 {
        self.den
    }

    /// The whole number it is, if it is one.
    pub const fn as_int(self) -> Option<i128> {
        if self.den == 1 { Some(self.num) } else { None }
    }

    /// Sum; `None` on overflow.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let left = self.num.checked_mul(other.den)?;
        let right = other.num.checked_mul(self.den)?;
        Self::ratio(left.checked_add(right)?, self.den.checked_mul(other.den)?)
    }

    /// Difference; `None` on overflow.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(other.checked_neg()?)
    }

    /// The negative; `None` on overflow.
    pub fn checked_neg(self) -> Option<Self> {
        Some(Self {
            num: self.num.checked_neg()?,
            den: self.den,
        })
    }

    /// Product; `None` on overflow.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        // Cross-reduced first, so that what fits is computed.
        let a = Self::ratio(self.num, other.den)?;
        let b = Self::ratio(other.num, self.den)?;
        Self::ratio(a.num.checked_mul(b.num)?, a.den.checked_mul(b.den)?)
    }

    /// Quotient; `None` on overflow or division by zero.
    pub fn checked_div(self, other: Self) -> Option<Self> {
        self.checked_mul(Self::ratio(other.den, other.num)?)
    }

    /// The nearest whole number not above it.
    pub const fn floor(self) -> i128 {
        self.num.div_euclid(self.den)
    }

    /// For measures shown to people and for target APIs that take floats; never for arithmetic.
    pub fn to_f64(self) -> f64 {
        self.num as f64 / self.den as f64
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        // By continued fractions: exact, and free of overflow for every pair.
        let (mut a, mut b, mut flip) = (*self, *other, false);
        loop {
            let order = a.floor().cmp(&b.floor());
            if order != Ordering::Equal {
                return if flip { order.reverse() } else { order };
            }
            let (ra, rb) = (a.num.rem_euclid(a.den), b.num.rem_euclid(b.den));
            match (ra == 0, rb == 0) {
                (true, true) => return Ordering::Equal,
                (true, false) => {
                    return if flip {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    };
                }
                (false, true) => {
                    return if flip {
                        Ordering::Less
                    } else {
                        Ordering::Greater
                    };
                }
                (false, false) => {
                    (a, b) = (
                        Self {
                            num: a.den,
                            den: ra,
                        },
                        Self {
                            num: b.den,
                            den: rb,
                        },
                    );
                    flip = !flip;
                }
            }
        }
    }
}

impl fmt::Display for Decimal {
    /// As a decimal number where it ends (`1.5`), else as a fraction (`1/3`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut den, mut twos, mut fives) = (self.den, 0u32, 0u32);
        while den % 2 == 0 {
            den /= 2;
            twos += 1;
        }
        while den % 5 == 0 {
            den /= 5;
            fives += 1;
        }
        let digits = twos.max(fives);
        let scaled = 10i128
            .checked_pow(digits)
            .and_then(|p| self.num.checked_mul(p / self.den));
        match scaled {
            Some(n) if den == 1 && digits > 0 => {
                let text = format!("{:0width$}", n.unsigned_abs(), width = digits as usize + 1);
                let (whole, part) = text.split_at(text.len() - digits as usize);
                write!(f, "{}{whole}.{part}", if n < 0 { "-" } else { "" })
            }
            _ if self.den == 1 => write!(f, "{}", self.num),
            _ => write!(f, "{}/{}", self.num, self.den),
        }
    }
}

/// Why a text is no [`Decimal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseDecimalError {
    /// Not digits, with at most one point or one slash.
    Malformed,
    /// Too large for a 128-bit fraction.
    Overflow,
}

impl fmt::Display for ParseDecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a number",
            Self::Overflow => "the number does not fit into 128 bits",
        })
    }
}

impl std::error::Error for ParseDecimalError {}

impl FromStr for Decimal {
    type Err = ParseDecimalError;

    /// Reads what [`Display`](fmt::Display) writes: `12`, `-1.5`, `1/3`. `_` between digits is
    /// passed over.
    fn from_str(text: &str) -> Result<Self, ParseDecimalError> {
        use ParseDecimalError::{Malformed, Overflow};
        let int = |s: &str| -> Result<i128, ParseDecimalError> {
            let digits: String = s.chars().filter(|c| *c != '_').collect();
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(Malformed);
            }
            digits.parse().map_err(|_| Overflow)
        };
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let value = if let Some((num, den)) = rest.split_once('/') {
            let den = int(den)?;
            if den == 0 {
                return Err(Malformed);
            }
            Self::ratio(int(num)?, den).ok_or(Overflow)?
        } else if let Some((whole, part)) = rest.split_once('.') {
            let part_digits = part.bytes().filter(|b| *b != b'_').count();
            let scale = u32::try_from(part_digits)
                .ok()
                .and_then(|d| 10i128.checked_pow(d))
                .ok_or(Overflow)?;
            let whole = int(whole)?.checked_mul(scale).ok_or(Overflow)?;
            Self::ratio(whole.checked_add(int(part)?).ok_or(Overflow)?, scale).ok_or(Overflow)?
        } else {
            Self::int(int(rest)?)
        };
        if negative {
            value.checked_neg().ok_or(Overflow)
        } else {
            Ok(value)
        }
    }
}

impl Serialize for Decimal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A number with a dimension: `512MiB`, `30s`, `900USD / 1month`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Quantity {
    /// The dimension's name as people read it: `Bytes`, `Duration`, `Cpu`, `Percent`, or a
    /// quotient such as `Money(USD)/Duration`.
    pub dimension: String,
    /// The amount in the dimension's base unit: bytes, seconds, cores, one (so 70% is 7/10), ….
    pub amount: Decimal,
    /// As people write it, in the unit of the source where that is exact: `512MiB`.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn arithmetic_is_exact() {
        assert_eq!(d("0.1").checked_add(d("0.2")), Some(d("0.3")));
        assert_eq!(d("1").checked_div(d("3")).unwrap().to_string(), "1/3");
        assert_eq!(d("-1.50").to_string(), "-1.5");
        assert_eq!(d("0.05").to_string(), "0.05");
        assert_eq!(d("-0.05").to_string(), "-0.05");
        assert_eq!(d("1000").to_string(), "1000");
    }

    #[test]
    fn overflow_and_zero_are_none() {
        let big = Decimal::int(i128::MAX);
        assert_eq!(big.checked_add(Decimal::ONE), None);
        assert_eq!(big.checked_mul(Decimal::int(2)), None);
        assert_eq!(Decimal::ONE.checked_div(Decimal::ZERO), None);
        assert_eq!(Decimal::ratio(1, 0), None);
        assert_eq!(Decimal::ratio(i128::MIN, -1), None);
    }

    #[test]
    fn order_holds_where_products_would_overflow() {
        let a = Decimal::ratio(i128::MAX, i128::MAX - 1).unwrap();
        let b = Decimal::ratio(i128::MAX - 1, i128::MAX - 2).unwrap();
        assert!(a < b);
        assert!(d("-1/3") < d("-1/4"));
        assert!(d("1/3") > d("1/4"));
        assert_eq!(d("2/4"), d("0.5"));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", ".5", "1.", "1/0", "1e3", "a", "1/2/3", "--1"] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }
}
